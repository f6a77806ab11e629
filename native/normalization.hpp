// Normalisation over the rows of a batch, or over the units of a row.
#pragma once

#include "layer.hpp"

namespace tabgrad::TABGRAD_ISA {

// gamma and beta, one number a unit, where a layer has them.
struct LearnedScale {
  Array gamma, beta;
  bool has_gamma, has_beta;
  // numbers: scale, center, then l1 and l2 of gamma and of beta
  LearnedScale(int units, const LayerSpec& spec) : has_gamma(spec.numbers[0] != 0), has_beta(spec.numbers[1] != 0) {
    gamma = {1, units, leading(units), spec.numbers[2], spec.numbers[3], spec.trainable};
    beta = {1, units, leading(units), spec.numbers[4], spec.numbers[5], spec.trainable};
  }
  void list(std::vector<Array*>& arrays) {
    if (has_gamma) arrays.push_back(&gamma);
    if (has_beta) arrays.push_back(&beta);
  }
  // Zero beyond the units, whose padding then stays zero.
  vec scale(int n) const { return has_gamma ? load(gamma.w + n) : (first(gamma.columns - n) ? all(1) : vec{}); }
};

// n = (x - m) / sqrt(v + e), out = f(gamma n + beta), m and v over the batch or moving averages.
// dx = gamma / sqrt(v + e) (d - mean d - n mean(d n)), dgamma = sum of d n, dbeta = sum of d
struct BatchNormalization : Layer {
  LearnedScale learned;
  Array mean, variance;  // moving
  float momentum, epsilon;
  bool of_batch = false;
  Floats each_unit;
  enum Of : int { MEAN, VARIANCE, INVERSE, FACTOR, ERROR, ERROR_TIMES_N, COUNT };

  BatchNormalization(int units, const LayerSpec& spec)
      : learned(units, spec), momentum(spec.numbers[6]), epsilon(spec.numbers[7]) {
    mean = variance = {1, units, leading(units), 0, 0, false};
    shift = learned.has_beta ? &learned.beta : nullptr;
  }
  void list(std::vector<Array*>& arrays) override {
    learned.list(arrays);
    arrays.push_back(&mean), arrays.push_back(&variance);
  }
  bool joins_activation() const override { return !sealed && !bends(); }
  bool joins_dropout() const override { return !sealed && !dropout; }
  bool meets() const override { return learned.gamma.trainable; }
  bool reserve(long) override { return each_unit.reserve(COUNT * padded(in->units)); }
  float* each(int what) const { return each_unit.data() + what * padded(in->units); }

  bool prepares() const override { return true; }
  void prepare(const Pass& pass) override {
    of_batch = pass.training && meets();
    if (of_batch) return;
    std::memcpy(each(MEAN), mean.w, in->units * sizeof(float));
    std::memcpy(each(VARIANCE), variance.w, in->units * sizeof(float));
    find_factors(0, in->vectors());
  }
  void find_factors(int from, int to) {
    for (int n = from * W; n < to * W; n += W) {
      const vec inverse = inverse_root(load(each(VARIANCE) + n) + epsilon);
      store(each(INVERSE) + n, inverse), store(each(FACTOR) + n, inverse * learned.scale(n));
    }
  }
  void meet(const Pass& pass, int from, int to) override {
    const float share = 1.0f / static_cast<float>(pass.rows);
    const auto scaled = [&](int what) {
      for (int n = from * W; n < to * W; n += W) store(each(what) + n, share * load(each(what) + n));
    };
    sum_rows(pass.rows, from, to, each(MEAN), [&](int i, int n) { return load(in->value_of(i) + n); });
    scaled(MEAN);
    sum_rows(pass.rows, from, to, each(VARIANCE), [&](int i, int n) {
      const vec off = load(in->value_of(i) + n) - load(each(MEAN) + n);
      return off * off;
    });
    scaled(VARIANCE);
    find_factors(from, to);
  }
  void forward(const Pass& pass, int from, int to) override {
    for (int m = from; m < to; m++)
      for (int n = 0; n < padded(in->units); n += W) {
        const vec z = (load(in->value_of(m) + n) - load(each(MEAN) + n)) * load(each(FACTOR) + n);
        finish_block(pass, m, n, 1, 1, &z);
      }
  }

  vec normalized(int m, int n) const {
    return (load(in->value_of(m) + n) - load(each(MEAN) + n)) * load(each(INVERSE) + n);
  }
  void meet_back(const Pass& pass, int from, int to) override {
    if (!out->error.data()) return;  // nothing here or before it learns
    sum_rows(pass.rows, from, to, each(ERROR), [&](int i, int n) { return load(out->error_of(i) + n); });
    sum_rows(pass.rows, from, to, each(ERROR_TIMES_N),
             [&](int i, int n) { return load(out->error_of(i) + n) * normalized(i, n); });
  }
  void backward(const Pass& pass, int from, int to) override {
    if (!in->error.data()) return;
    const float share = 1.0f / static_cast<float>(pass.rows);
    for (int m = from; m < to; m++)
      for (int n = 0; n < padded(in->units); n += W) {
        vec g = load(out->error_of(m) + n);
        if (of_batch) g -= share * (load(each(ERROR) + n) + normalized(m, n) * load(each(ERROR_TIMES_N) + n));
        g *= load(each(FACTOR) + n);
        InputError{*in, in_adds}(m, n, 1, 1, &g);
      }
  }

  int parts() const override { return 1; }
  void learn(const Pass& pass, int, int) override {
    if (!of_batch) return;
    const auto spend = [&](const Array& array, const float* sums) {
      row_gradient(array, *pass.optimizer, [&]<int V>(int n, vec(&g)[V]) __attribute__((always_inline)) {
        for (int j = 0; j < V; j++) g[j] = load(sums + n + W * j);
      });
    };
    if (learned.has_gamma) spend(learned.gamma, each(ERROR_TIMES_N));
    if (learned.has_beta) spend(learned.beta, each(ERROR));
  }
  void settle() override {
    if (!of_batch) return;
    for (int n = 0; n < padded(in->units); n += W) {
      const ivec inside = first(in->units - n);
      const vec m = momentum * load(mean.w + n) + (1 - momentum) * load(each(MEAN) + n);
      const vec v = momentum * load(variance.w + n) + (1 - momentum) * load(each(VARIANCE) + n);
      store(mean.w + n, inside ? m : vec{}), store(variance.w + n, inside ? v : vec{});
    }
  }
};

// n = (x - m) / sqrt(v + e), out = f(gamma n + beta), m and v over the units of each row.
// g = d gamma, dx = (g - mean g - n mean(g n)) / sqrt(v + e), dgamma = sum of d n, dbeta = sum of d
struct LayerNormalization : Layer {
  LearnedScale learned;
  float epsilon;
  Floats of_rows;  // m and 1 / sqrt(v + e) of each

  LayerNormalization(int units, const LayerSpec& spec) : learned(units, spec), epsilon(spec.numbers[6]) {
    shift = learned.has_beta ? &learned.beta : nullptr;
  }
  void list(std::vector<Array*>& arrays) override { learned.list(arrays); }
  bool joins_activation() const override { return !sealed && !bends(); }
  bool joins_dropout() const override { return !sealed && !dropout; }
  bool reserve(long rows) override { return of_rows.reserve(2 * rows); }

  // The mean over a row's units of term(n).
  template <class Term>
  float mean_over_units(const Term& term) const {
    vec total = {};
    for (int n = 0; n < padded(in->units); n += W) total += first(in->units - n) ? term(n) : vec{};
    return sum(total) / static_cast<float>(in->units);
  }
  void forward(const Pass& pass, int from, int to) override {
    for (int i = from; i < to; i++) {
      const float* x = in->value_of(i);
      const float m = mean_over_units([&](int n) { return load(x + n); });
      const float v = mean_over_units([&](int n) { return (load(x + n) - m) * (load(x + n) - m); });
      const float inverse = 1.0f / std::sqrt(v + epsilon);
      of_rows.data()[2 * i] = m, of_rows.data()[2 * i + 1] = inverse;
      for (int n = 0; n < padded(in->units); n += W) {
        const vec z = (load(x + n) - m) * inverse * learned.scale(n);
        finish_block(pass, i, n, 1, 1, &z);
      }
    }
  }

  vec normalized(int i, int n) const {
    return (load(in->value_of(i) + n) - of_rows.data()[2 * i]) * of_rows.data()[2 * i + 1];
  }
  void backward(const Pass&, int from, int to) override {
    if (!in->error.data()) return;
    for (int i = from; i < to; i++) {
      const float* d = out->error_of(i);
      const float mean = mean_over_units([&](int n) { return load(d + n) * learned.scale(n); });
      const float with_n = mean_over_units([&](int n) { return load(d + n) * learned.scale(n) * normalized(i, n); });
      for (int n = 0; n < padded(in->units); n += W) {
        const vec inner = load(d + n) * learned.scale(n) - mean - normalized(i, n) * with_n;
        const vec g = first(in->units - n) ? inner * of_rows.data()[2 * i + 1] : vec{};
        InputError{*in, in_adds}(i, n, 1, 1, &g);
      }
    }
  }

  int parts() const override { return 1; }
  void learn(const Pass& pass, int, int) override {
    if (!learned.gamma.trainable) return;
    if (learned.has_gamma)
      row_gradient(learned.gamma, *pass.optimizer, [&]<int V>(int n, vec(&g)[V]) __attribute__((always_inline)) {
        for (int j = 0; j < V; j++) g[j] = vec{};
        for (int i = 0; i < pass.rows; i++)
          for (int j = 0; j < V; j++) g[j] += load(out->error_of(i) + n + W * j) * normalized(i, n + W * j);
      });
    if (learned.has_beta) bias_gradient(pass, learned.beta, *out);
  }
};

}  // namespace tabgrad::TABGRAD_ISA
