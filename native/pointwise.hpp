// Layers without a product: functions of each unit, sums of two signals, softmax over the units of a row.
#pragma once

#include "layer.hpp"

namespace tabgrad::TABGRAD_ISA {

// out = f(x), for an activation or dropout that could not join the layer before.   dx = d, the slope being out's own
struct Elementwise : Layer {
  bool joins_dropout() const override { return !sealed && !dropout; }
  void forward(const Pass& pass, int from, int to) override {
    finish_rows(pass, from, to, [&](int m, int n) { return load(in->value_of(m) + n); });
  }
  void backward(const Pass&, int from, int to) override {
    if (!in->error.data()) return;
    for (int m = from; m < to; m++)
      for (int j = 0; j < in->vectors(); j++) {
        const vec d = load(out->error_of(m) + W * j);
        InputError{*in, in_adds}(m, W * j, 1, 1, &d);
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
        InputError{*in, in_adds}(m, W * j, 1, 1, &g);
      }
    }
  }
};

// out = x where x > 0, else a x.   dx = d or a d, da = sum of d min(x, 0)
struct PRelu : Layer {
  Array alpha;
  PRelu(int units, const LayerSpec& spec) {
    alpha = {1, units, leading(units), spec.numbers[0], spec.numbers[1], spec.trainable};
  }
  void list(std::vector<Array*>& arrays) override { arrays.push_back(&alpha); }
  void forward(const Pass&, int from, int to) override {
    for (int m = from; m < to; m++)
      for (int n = 0; n < padded(in->units); n += W) {
        const vec x = load(in->value_of(m) + n);
        store(out->value_of(m) + n, x > 0 ? x : load(alpha.w + n) * x);
      }
  }
  void backward(const Pass&, int from, int to) override {
    if (!in->error.data()) return;
    for (int m = from; m < to; m++)
      for (int n = 0; n < padded(in->units); n += W) {
        const vec x = load(in->value_of(m) + n), d = load(out->error_of(m) + n);
        const vec g = x > 0 ? d : load(alpha.w + n) * d;
        InputError{*in, in_adds}(m, n, 1, 1, &g);
      }
  }
  int parts() const override { return 1; }
  void learn(const Pass& pass, int, int) override {
    if (!alpha.trainable) return;
    row_gradient(alpha, *pass.optimizer, [&]<int V>(int n, vec(&g)[V]) __attribute__((always_inline)) {
      for (int j = 0; j < V; j++) g[j] = vec{};
      for (int m = 0; m < pass.rows; m++)
        for (int j = 0; j < V; j++)
          g[j] += load(out->error_of(m) + n + W * j) * min(load(in->value_of(m) + n + W * j), vec{});
    });
  }
};

// out = gamma x.   dx = gamma d, dgamma = sum of x d
struct Scale : Layer {
  Array gamma;
  Scale(int units, const LayerSpec& spec) {
    gamma = {1, units, leading(units), spec.numbers[0], spec.numbers[1], spec.trainable};
  }
  void list(std::vector<Array*>& arrays) override { arrays.push_back(&gamma); }
  const Array* factors() const override { return sealed || bends() ? nullptr : &gamma; }
  bool joins_activation() const override { return !sealed && !bends(); }
  bool joins_dropout() const override { return !sealed && !dropout; }
  void forward(const Pass& pass, int from, int to) override {
    finish_rows(pass, from, to, [&](int m, int n) { return load(in->value_of(m) + n) * load(gamma.w + n); });
  }
  void backward(const Pass&, int from, int to) override {
    if (!in->error.data()) return;
    for (int m = from; m < to; m++)
      for (int n = 0; n < padded(in->units); n += W) {
        const vec g = load(out->error_of(m) + n) * load(gamma.w + n);
        InputError{*in, in_adds}(m, n, 1, 1, &g);
      }
  }
  int parts() const override { return 1; }
  void learn(const Pass& pass, int, int) override {
    if (!gamma.trainable) return;
    row_gradient(gamma, *pass.optimizer, [&]<int V>(int n, vec(&g)[V]) __attribute__((always_inline)) {
      for (int j = 0; j < V; j++) g[j] = vec{};
      for (int m = 0; m < pass.rows; m++)
        for (int j = 0; j < V; j++) g[j] += load(out->error_of(m) + n + W * j) * load(in->value_of(m) + n + W * j);
      for (int j = 0; j < V; j++)  // values beyond the units may be anything
        g[j] = first(gamma.columns - n - W * j) ? g[j] : vec{};
    });
  }
};

// out = (x - c) a + b, numbers of each column that do not move.   dx = d a
struct Affine : Layer {
  Floats numbers_of;
  const float* given;
  long width;
  explicit Affine(const LayerSpec& spec) : given(spec.constants), width(leading(spec.units)) {}
  bool reserve(long) override {
    if (!numbers_of.reserve(3 * width)) return false;
    for (int k = 0; k < 3; k++)
      std::memcpy(numbers_of.data() + k * width, given + k * in->units, in->units * sizeof(float));
    return true;
  }
  vec at(int k, int n) const { return load(numbers_of.data() + k * width + n); }
  void forward(const Pass& pass, int from, int to) override {
    finish_rows(pass, from, to,
                [&](int m, int n) { return (load(in->value_of(m) + n) - at(0, n)) * at(1, n) + at(2, n); });
  }
  bool joins_activation() const override { return !sealed && !bends(); }
  bool joins_dropout() const override { return !sealed && !dropout; }
  void backward(const Pass&, int from, int to) override {
    if (!in->error.data()) return;
    for (int m = from; m < to; m++)
      for (int n = 0; n < padded(in->units); n += W) {
        const vec g = load(out->error_of(m) + n) * at(1, n);
        InputError{*in, in_adds}(m, n, 1, 1, &g);
      }
  }
};

// out = x, and each row's loss grows by sum l1 |x| + l2 x^2.   dx = d + (l1 sign x + 2 l2 x) / B
struct Activity : Layer {
  float l1, l2;
  Floats of_rows;
  explicit Activity(const LayerSpec& spec) : l1(spec.numbers[0]), l2(spec.numbers[1]) {}
  bool reserve(long rows) override { return of_rows.reserve(rows); }
  bool adds_to_loss() const override { return true; }
  const float* activity() const override { return of_rows.data(); }
  void forward(const Pass&, int from, int to) override {
    for (int m = from; m < to; m++) {
      vec total = {};
      for (int n = 0; n < padded(in->units); n += W) {
        const vec x = load(in->value_of(m) + n);
        store(out->value_of(m) + n, x);
        total += first(in->units - n) ? l1 * abs(x) + l2 * x * x : vec{};
      }
      of_rows.data()[m] = sum(total);
    }
  }
  void backward(const Pass& pass, int from, int to) override {
    if (!in->error.data()) return;
    const float share = 1.0f / static_cast<float>(pass.rows);
    for (int m = from; m < to; m++)
      for (int n = 0; n < padded(in->units); n += W) {
        const vec x = load(in->value_of(m) + n), slope = share * (l1 * sign_of(x) + 2 * l2 * x);
        const vec g = load(out->error_of(m) + n) + (first(in->units - n) ? slope : vec{});
        InputError{*in, in_adds}(m, n, 1, 1, &g);
      }
  }
};

// out = x + f, f being what layers in between make of x.   Both have d as their error.
struct Sum : Layer {
  Signal* skipped;
  explicit Sum(Signal* skipped) : skipped(skipped) {}
  Signal* other() const override { return skipped; }
  bool joins_activation() const override { return !sealed && !bends(); }
  bool joins_dropout() const override { return !sealed && !dropout; }
  void forward(const Pass& pass, int from, int to) override {
    finish_rows(pass, from, to,
                [&](int m, int n) { return load(in->value_of(m) + n) + load(skipped->value_of(m) + n); });
  }
  void backward(const Pass&, int from, int to) override {
    for (int m = from; m < to; m++)
      for (int n = 0; n < padded(in->units); n += W) {
        const vec d = load(out->error_of(m) + n);
        if (in->error.data()) InputError{*in, in_adds}(m, n, 1, 1, &d);
        if (skipped->error.data()) InputError{*skipped, other_adds}(m, n, 1, 1, &d);
      }
  }
};

}  // namespace tabgrad::TABGRAD_ISA
