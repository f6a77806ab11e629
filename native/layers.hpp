// Layers: forward and backward together, in the order of the formulas in src/tabgrad/layers.py.
//
// Between two layers flows a `Signal`: values forward, the error term backward. The error of a signal is the derivative
// of the loss with respect to what its activation received, for whoever writes it multiplies by the signal's slope.
#pragma once

#include <memory>
#include <vector>

#include "activations.hpp"
#include "lanes.hpp"
#include "memory.hpp"
#include "optimizers.hpp"
#include "random.hpp"
#include "tile.hpp"

namespace tabgrad::TABGRAD_ISA {

//
// The padding of errors and of all arrays stays zero; that of values may hold f(0), and nobody lets it into a sum.
struct Signal {
  int units;
  long ld;
  Floats value, slope, error;  // slope: empty where it is one everywhere; error: empty where nobody needs it

  explicit Signal(int units) : units(units), ld(leading(units)) {}
  int vectors() const { return padded(units) / W; }
  float* value_of(long row) const { return value.data() + row * ld; }
  float* error_of(long row) const { return error.data() + row * ld; }
  float* slope_of(long row) const { return slope.data() ? slope.data() + row * ld : nullptr; }
};

// What a pass through the layers needs to know.
struct Pass {
  int rows = 0;
  bool training = false;
  std::int64_t step = 0;
  const Step* optimizer = nullptr;
};

// A pass goes over rows [from, to) at a time, forward and back, and rows never meet; only `learn` sees the whole batch,
// for one part of the layer's arrays at a time. So threads share rows first, then arrays.
struct Layer {
  Signal *in = nullptr, *out = nullptr;
  virtual void forward(const Pass& pass, int from, int to) = 0;
  virtual void backward(const Pass& pass, int from, int to) = 0;  // the error of `in`, if it has one
  virtual void list(std::vector<Array*>&) {}
  virtual int parts() const { return 0; }
  virtual void learn(const Pass&, int, int) {}  // parts [from, to)
  virtual void refresh(int, int) {}             // what is derived from parts of the arrays, once they have changed
  virtual bool reserve(long) { return true; }   // once the arrays have their places
  // Whether a function that comes next can be taken in here.
  virtual bool joins_activation() const { return false; }
  virtual bool joins_dropout() const { return false; }
  virtual const float* shift() const { return nullptr; }          // what is added before the activation
  virtual double work() const { return in->units + out->units; }  // multiply-adds a row
  virtual ~Layer() = default;

  // The activation and dropout at the end of the layer.
  FinishBlock finish = finish_block_of<linear>;
  Finish end;
  bool activates = false;
  std::unique_ptr<Dropout> dropout;
  std::uint64_t dropout_seed = 0;
  int dropout_index = 0;
  float numbers[MOST_NUMBERS] = {};  // of the activation

  bool bends() const { return activates || dropout; }
  // Once before the rows of a pass.
  void begin(const Pass& pass) {
    end.numbers = numbers, end.bias = shift();
    end.dropout = nullptr;
    if (!dropout || !pass.training) return;
    dropout->begin_step(dropout_seed, static_cast<std::uint64_t>(pass.step), static_cast<std::uint64_t>(dropout_index));
    end.dropout = dropout.get();
  }
  // A block of weighted sums at (m, n) through the layer's end.
  void finish_block(const Pass& pass, int m, int n, int rows, int vectors, const vec* z) const {
    finish(end, z, rows, vectors, n, static_cast<std::uint32_t>(m) * static_cast<std::uint32_t>(out->units), out->units,
           out->value_of(m) + n, pass.training && bends() ? out->slope_of(m) + n : nullptr, out->ld);
  }
};

// dL/dw of an array, a block at a time: stored, or spent at once on a step.
struct Gradient {
  const Array& array;
  const Step& step;
  void operator()(int m, int n, int rows, int vectors, const vec* block) const {
    if (step.store_only) {
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) {
          const long at = (m + i) * array.ld + n + W * j;
          store(array.gradient + at, regularised(array, block[i * vectors + j], load(array.w + at)));
        }
    } else {
      step.rule.step_block(step, array, m, n, rows, vectors, block);
    }
  }
};

// dL/dw of an array that is one row: make(n, g) writes as many vectors as `g` has, from column n on.
template <class Make>
[[gnu::always_inline]] static inline void row_gradient(const Array& array, const Step& step, const Make& make) {
  const int columns = padded(array.columns);
  const auto each = [&](const auto& spend) __attribute__((always_inline)) {
    int n = 0;
    for (vec g[4]; n + 4 * W <= columns; n += 4 * W) make(n, g), spend(n, g);
    for (vec g[1]; n < columns; n += W) make(n, g), spend(n, g);
  };
  if (step.store_only) {
    each([&]<int V>(int n, const vec(&g)[V]) {
      for (int j = 0; j < V; j++)
        store(array.gradient + n + W * j, regularised(array, g[j], load(array.w + n + W * j)));
    });
  } else {
    each([&]<int V>(int n, const vec(&g)[V]) { step.rule.step_block(step, array, 0, n, 1, V, g); });
  }
}

// db = sum of d over the batch
static inline void bias_gradient(const Pass& pass, const Array& bias, const Signal& out) {
  row_gradient(bias, *pass.optimizer, [&]<int V>(int n, vec(&g)[V]) __attribute__((always_inline)) {
    for (int j = 0; j < V; j++) g[j] = vec{};
    for (int i = 0; i < pass.rows; i++)
      for (int j = 0; j < V; j++) g[j] += load(out.error_of(i) + n + W * j);
  });
}

// dL/dx of a layer's input, a block at a time: times the input's own slope it is the input's error.
struct InputError {
  const Signal& in;
  void operator()(int m, int n, int rows, int vectors, const vec* block) const {
    for (int i = 0; i < rows; i++) {
      const float* slope = in.slope_of(m + i);
      for (int j = 0; j < vectors; j++) {
        const vec g = block[i * vectors + j];
        store(in.error_of(m + i) + n + W * j, slope ? g * load(slope + n + W * j) : g);
      }
    }
  }
};

// z = X W + b, out = f(z).   dX = d W^T, dW = X^T d, db = sum of d
struct Dense : Layer {
  Array kernel, bias;
  bool has_bias;
  Floats transposed, sums;

  Dense(int inputs, const LayerSpec& spec) : has_bias(spec.numbers[0] != 0) {
    kernel = {inputs, spec.units, leading(spec.units), spec.numbers[1], spec.numbers[2], spec.trainable};
    bias = {1, spec.units, leading(spec.units), spec.numbers[3], spec.numbers[4], spec.trainable};
  }
  void list(std::vector<Array*>& arrays) override {
    arrays.push_back(&kernel);
    if (has_bias) arrays.push_back(&bias);
  }
  const float* shift() const override { return has_bias ? bias.w : nullptr; }
  bool reserve(long most_rows) override {
    if (most_rows > DEPTH && !sums.reserve(kernel.rows * padded(kernel.columns))) return false;
    return !in->error.data() || transposed.reserve(padded(kernel.columns) * leading(kernel.rows));
  }
  bool joins_activation() const override { return !bends(); }
  bool joins_dropout() const override { return !dropout; }
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
              InputError{*in}(from + m, n, rows, vectors, block);
            });
  }

  // A part: W rows of the kernel. The bias goes with the last.
  int parts() const override { return padded(kernel.rows) / W; }
  void learn(const Pass& pass, int from, int to) override {
    if (!kernel.trainable) return;
    const int top = from * W, rows = (to * W < kernel.rows ? to * W : kernel.rows) - top;
    product(
        rows, padded(kernel.columns), pass.rows, Left{in->value.data() + top, 1, in->ld}, out->error.data(), out->ld,
        [&](int m, int n, int height, int vectors, const vec* block) {
          Gradient{kernel, *pass.optimizer}(top + m, n, height, vectors, block);
        },
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
  }
  void list(std::vector<Array*>& arrays) override {
    arrays.push_back(&kernel);
    if (has_bias) arrays.push_back(&bias);
  }
  const float* shift() const override { return has_bias ? bias.w : nullptr; }
  bool joins_activation() const override { return !bends(); }
  bool joins_dropout() const override { return !dropout; }
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
        InputError{*in}(m, W * j, 1, 1, &g);
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

// out = f(x), for an activation or dropout that could not join the layer before.   dx = d, the slope being out's own
struct Elementwise : Layer {
  bool joins_dropout() const override { return !dropout; }
  void forward(const Pass& pass, int from, int to) override {
    for (int m = from; m < to; m++)
      for (int j = 0; j < in->vectors(); j++) {
        const vec z = load(in->value_of(m) + W * j);
        finish_block(pass, m, W * j, 1, 1, &z);
      }
  }
  void backward(const Pass&, int from, int to) override {
    if (!in->error.data()) return;
    for (int m = from; m < to; m++)
      for (int j = 0; j < in->vectors(); j++) {
        const vec d = load(out->error_of(m) + W * j);
        InputError{*in}(m, W * j, 1, 1, &d);
      }
  }
};

// out_i = e^(x_i) / sum e^x.   dx = out (d - sum(out d))
struct Softmax : Layer {
  Lanes lanes;
  bool reserve(long rows) override { return lanes.reserve(rows, in->units); }
  void forward(const Pass&, int from, int to) override {
    for (int m = from; m < to; m += W) {
      const int rows = to - m < W ? to - m : W;
      rows_to_lanes(in->value_of(m), in->ld, rows, in->units, lanes.at(m));
      vec most;
      softmax_of(lanes.at(m), lanes.at(m), in->units, most);
      lanes_to_rows(lanes.at(m), rows, in->units, out->value_of(m), out->ld);
    }
  }
  void backward(const Pass&, int from, int to) override {
    if (!in->error.data()) return;
    for (int m = from; m < to; m++) {
      const float *d = out->error_of(m), *f = out->value_of(m);
      vec shared = {};
      for (int j = 0; j < in->vectors(); j++) shared += load(f + W * j) * load(d + W * j);
      const float mean = sum(shared);
      for (int j = 0; j < in->vectors(); j++) {
        const vec g = load(f + W * j) * (load(d + W * j) - mean);
        InputError{*in}(m, W * j, 1, 1, &g);
      }
    }
  }
};

}  // namespace tabgrad::TABGRAD_ISA
