// The fully connected layer: forward and backward together, in the order of the formulas in src/tabgrad/layers/.
#pragma once

#include "layer.hpp"

namespace tabgrad::TABGRAD_ISA {

// z = X W + b, out = f(z).   dX = d W^T, dW = X^T d, db = sum of d
struct Dense : Layer {
  Array kernel, bias;
  bool has_bias;
  Floats transposed, sums;

  Dense(int inputs, const LayerSpec& spec) : has_bias(spec.numbers[0] != 0) {
    kernel = {inputs, spec.units, leading(spec.units), spec.numbers[1], spec.numbers[2], spec.trainable};
    bias = {1, spec.units, leading(spec.units), spec.numbers[3], spec.numbers[4], spec.trainable};
    shift = has_bias ? &bias : nullptr;
  }
  void list(std::vector<Array*>& arrays) override {
    arrays.push_back(&kernel);
    if (has_bias) arrays.push_back(&bias);
  }
  bool reserve(long most_rows) override {
    if (most_rows > DEPTH && !sums.reserve(kernel.rows * padded(kernel.columns))) return false;
    return !in->error.data() || transposed.reserve(padded(kernel.columns) * leading(kernel.rows));
  }
  bool joins_activation() const override { return !sealed && !bends(); }
  bool joins_dropout() const override { return !sealed && !dropout; }
  double work() const override { return static_cast<double>(kernel.rows) * kernel.columns; }

  void forward(const Pass& pass, int from, int to) override {
    product(to - from, padded(kernel.columns), kernel.rows, Left{in->value_of(from), in->ld, 1}, kernel.w, kernel.ld,
            [&](int m, int n, int rows, int vectors, const vec* block) {
              finish_block(pass, from + m, n, rows, vectors, block);
            });
  }

  void backward(const Pass&, int from, int to) override {
    if (!in->error.data()) return;
    product(to - from, padded(kernel.rows), kernel.columns, Left{out->error_of(from), out->ld, 1}, transposed.data(),
            leading(kernel.rows), [&](int m, int n, int rows, int vectors, const vec* block) {
              InputError{*in, in_adds}(from + m, n, rows, vectors, block);
            });
  }

  // A part: W rows of the kernel. The bias goes with the last.
  int parts() const override { return padded(kernel.rows) / W; }
  struct Spent {
    Gradient gradient;
    int top;
    void operator()(int m, int n, int rows, int vectors, const vec* block) const {
      gradient(top + m, n, rows, vectors, block);
    }
    void ahead(int m, int n, int rows, int vectors) const { gradient.ahead(top + m, n, rows, vectors); }
  };
  void learn(const Pass& pass, int from, int to) override {
    if (!kernel.trainable) return;
    const int top = from * W, rows = (to * W < kernel.rows ? to * W : kernel.rows) - top;
    product(rows, padded(kernel.columns), pass.rows, Left{in->value.data() + top, 1, in->ld}, out->error.data(),
            out->ld, Spent{{kernel, *pass.optimizer}, top},
            pass.rows > DEPTH ? sums.data() + top * padded(kernel.columns) : nullptr);
    if (has_bias && to == parts()) bias_gradient(pass, bias, *out);
    if (!pass.optimizer->store_only) refresh(from, to);
  }
  void refresh(int from, int to) override {
    if (!in->error.data()) return;
    const long ld = leading(kernel.rows);
    for (int top = from * W; top < to * W; top += W)
      for (int n = 0; n < padded(kernel.columns); n += W) {
        vec block[W];
        for (int i = 0; i < W; i++)
          block[i] = top + i < kernel.rows ? load(kernel.w + (top + i) * kernel.ld + n) : vec{};
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
