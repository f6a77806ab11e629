// The fully connected layer: forward and backward together, in the order of the formulas in src/tabgrad/layers/.
#pragma once

#include "layer.hpp"

namespace tabgrad::TABGRAD_ISA {

// z = X W + b, out = f(z).   dX = d W^T, dW = X^T d, db = sum of d
//
// It takes in factors of its inputs, the layer of which then is no more, z = X G W + b with G = diag(gamma): with GW in
// place of W going forward and back, and V = X^T d, dW_ij = gamma_i V_ij and dgamma_i = sum_j V_ij W_ij.
struct Dense : Layer {
  Array kernel, bias, gamma;
  bool has_bias, has_gamma;
  Floats scaled, transposed, sums;  // GW, its transpose
  Floats of_factors;                // what each row of the kernel tells of its factor
  Block<std::int32_t> places;       // of terms that are not zero in rows that are alike; those of a range at its first
  int most_rows = 0;

  Dense(int inputs, const LayerSpec& spec, const Array* factors) : has_bias(spec.numbers[0] != 0), has_gamma(factors) {
    kernel = {inputs, spec.units, leading(spec.units), spec.numbers[1], spec.numbers[2], spec.trainable};
    bias = {1, spec.units, leading(spec.units), spec.numbers[3], spec.numbers[4], spec.trainable};
    gamma.trainable = false;
    if (factors) gamma = *factors;
    shift = has_bias ? &bias : nullptr;
  }
  void list(std::vector<Array*>& arrays) override {
    if (has_gamma) arrays.push_back(&gamma);
    arrays.push_back(&kernel);
    if (has_bias) arrays.push_back(&bias);
  }
  bool reserve(long rows) override {
    most_rows = static_cast<int>(rows);
    if (most_rows > DEPTH && !sums.reserve(kernel.rows * padded(kernel.columns))) return false;
    if (has_gamma && !(scaled.reserve(kernel.size()) && of_factors.reserve(padded(kernel.rows) * W))) return false;
    return !in->error.data() || transposed.reserve(padded(kernel.columns) * leading(kernel.rows));
  }
  bool joins_activation() const override { return !sealed && !bends(); }
  bool joins_dropout() const override { return !sealed && !dropout; }
  double work() const override { return static_cast<double>(kernel.rows) * kernel.columns; }

  // Which terms there are is found out once for all columns: of few it would cost more than it saves.
  bool prepares() const override { return kernel.columns > TILE_VECTORS * W; }
  void prepare(const Pass& pass) override {
    if (pass.alike > 1 && !places.data()) places.reserve(static_cast<std::size_t>(most_rows) * kernel.rows);
  }
  void forward(const Pass& pass, int from, int to) override {
    const float* const w = has_gamma ? scaled.data() : kernel.w;
    const auto end = [&](int m, int n, int rows, int vectors, const vec* block) {
      finish_block(pass, m, n, rows, vectors, block);
    };
    if (pass.alike > 1 && places.data())
      product_of_alike(from, to, pass.alike, padded(kernel.columns), kernel.rows, {in->value.data(), in->ld, 1}, w,
                       kernel.ld, places.data() + static_cast<long>(from) * kernel.rows, end);
    else
      product(to - from, padded(kernel.columns), kernel.rows, Left{in->value_of(from), in->ld, 1}, w, kernel.ld,
              [&](int m, int n, int rows, int vectors, const vec* block) { end(from + m, n, rows, vectors, block); });
  }

  void backward(const Pass&, int from, int to) override {
    if (!in->error.data()) return;
    const int start = in->unread / W * W;
    product(to - from, padded(kernel.rows) - start, kernel.columns, Left{out->error_of(from), out->ld, 1},
            transposed.data() + start, leading(kernel.rows),
            [&](int m, int n, int rows, int vectors, const vec* block) {
              InputError{*in, in_adds}(from + m, start + n, rows, vectors, block);
            });
  }

  // A part: W rows of the kernel, and as many factors. The bias goes with the last.
  int parts() const override { return padded(kernel.rows) / W; }
  // V of a block spent on the kernel's step; with factors, what it adds to dgamma in `to_factors`, a vector a row.
  struct Spent {
    Gradient gradient;
    int top;
    const float* factors;  // null: none
    vec* to_factors;
    void operator()(int m, int n, int rows, int vectors, vec* block) const {
      for (int i = 0; factors && i < rows; i++) {
        const float* w = gradient.array.w + (top + m + i) * gradient.array.ld + n;
        for (int j = 0; j < vectors; j++) {
          vec& v = block[i * vectors + j];
          to_factors[m + i] += v * load(w + W * j), v *= factors[top + m + i];
        }
      }
      if (gradient.array.trainable) gradient(top + m, n, rows, vectors, block);
    }
    void ahead(int m, int n, int rows, int vectors) const { gradient.ahead(top + m, n, rows, vectors); }
  };
  void learn(const Pass& pass, int from, int to) override {
    if (!kernel.trainable && !gamma.trainable) return;
    const int top = from * W, rows = (to * W < kernel.rows ? to * W : kernel.rows) - top;
    vec* const to_factors = has_gamma ? reinterpret_cast<vec*>(of_factors.data()) + top : nullptr;
    if (has_gamma) std::memset(to_factors, 0, static_cast<std::size_t>(rows) * sizeof(vec));
    product(rows, padded(kernel.columns), pass.rows, Left{in->value.data() + top, 1, in->ld}, out->error.data(),
            out->ld, Spent{{kernel, *pass.optimizer}, top, has_gamma ? gamma.w : nullptr, to_factors},
            pass.rows > DEPTH ? sums.data() + top * padded(kernel.columns) : nullptr);
    for (int part = from; has_gamma && gamma.trainable && part < to; part++) step_factors(pass, part);
    if (has_bias && bias.trainable && to == parts()) bias_gradient(pass, bias, *out);
    if (!pass.optimizer->store_only) refresh(from, to);
  }
  void step_factors(const Pass& pass, int part) const {
    vec block[W], g = {};
    for (int i = 0; i < W; i++) block[i] = load(of_factors.data() + (part * W + i) * W);
    transpose(block);
    for (int i = 0; i < W; i++) g += block[i];
    Gradient{gamma, *pass.optimizer}(0, part * W, 1, 1, &g);
  }
  void refresh(int from, int to) override {
    if (!in->error.data() && !has_gamma) return;
    const long ld = leading(kernel.rows);
    for (int top = from * W; top < to * W; top += W)
      for (int n = 0; n < padded(kernel.columns); n += W) {
        vec block[W];
        for (int i = 0; i < W; i++) {
          const long at = (top + i) * kernel.ld + n;
          block[i] = top + i < kernel.rows ? load(kernel.w + at) : vec{};
          if (has_gamma && top + i < kernel.rows) store(scaled.data() + at, block[i] *= gamma.w[top + i]);
        }
        if (!in->error.data()) continue;
        transpose(block);
        for (int i = 0; i < W; i++) store(transposed.data() + (n + i) * ld + top, block[i]);
      }
  }
};

// A dense layer of one unit: its kernel is a vector along the inputs, its product a dot product.
struct DenseUnit : Layer {
  Array kernel, bias;
  bool has_bias;

  DenseUnit(int inputs, const LayerSpec& spec) : has_bias(spec.numbers[0] != 0) {
    kernel = {1, inputs, leading(inputs), spec.numbers[1], spec.numbers[2], spec.trainable};
    bias = {1, 1, leading(1), spec.numbers[3], spec.numbers[4], spec.trainable};
    shift = has_bias ? &bias : nullptr;
  }
  void list(std::vector<Array*>& arrays) override {
    arrays.push_back(&kernel);
    if (has_bias) arrays.push_back(&bias);
  }
  bool joins_activation() const override { return !sealed && !bends(); }
  bool joins_dropout() const override { return !sealed && !dropout; }
  double work() const override { return kernel.columns; }

  void forward(const Pass& pass, int from, int to) override {
    for (int m = from; m < to; m++) {
      vec total = {};
      for (int j = 0; j < in->vectors(); j++) total += load(in->value_of(m) + W * j) * load(kernel.w + W * j);
      vec z = {};
      z[0] = sum(total);
      finish_block(pass, m, 0, 1, 1, &z);
    }
  }

  void backward(const Pass&, int from, int to) override {
    if (!in->error.data()) return;
    for (int m = from; m < to; m++)
      for (int j = 0; j < in->vectors(); j++) {
        const vec g = *out->error_of(m) * load(kernel.w + W * j);
        InputError{*in, in_adds}(m, W * j, 1, 1, &g);
      }
  }

  int parts() const override { return 1; }
  void learn(const Pass& pass, int, int) override {
    if (!kernel.trainable) return;
    row_gradient(kernel, *pass.optimizer, [&]<int V>(int n, vec(&g)[V]) __attribute__((always_inline)) {
      for (int j = 0; j < V; j++) g[j] = vec{};
      for (int m = 0; m < pass.rows; m++)
        for (int j = 0; j < V; j++) g[j] += *out->error_of(m) * load(in->value_of(m) + n + W * j);
      for (int j = 0; j < V; j++)  // what lies beyond the inputs stays zero
        g[j] = first(kernel.columns - n - W * j) ? g[j] : vec{};
    });
    if (has_bias) bias_gradient(pass, bias, *out);
  }
};

}  // namespace tabgrad::TABGRAD_ISA
