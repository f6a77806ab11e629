// Numbers as vectors of cosines: forward and backward side by side.
#pragma once

#include "layer.hpp"

namespace tabgrad::TABGRAD_ISA {

// h = cos(2 pi w x + p), z = h W + c, e = max(z, 0) for each column, out = [x, e_1, e_2, ...].   With d the error of e
// where z > 0, else 0, and u = -sin(2 pi w x + p) (d W^T): dW = h^T d, dc = sum d, dp = sum u, dw = sum 2 pi x u,
// dx_j = d_j + 2 pi w . u
//
// The products are too narrow for a tile, so W rows go side by side: lanes of rows, a column after the other.
struct Periodic : Layer {
  static constexpr float TWO_PI = 6.28318531f;
  static constexpr int BLOCK = 8;  // outputs whose sums stay in registers
  int columns, width, waves;
  Array frequency, phase, kernel, bias;
  Lanes inputs, outputs, errors;
  Floats sums;  // of a column's frequencies, phases and kernel, for each part; padded

  explicit Periodic(const LayerSpec& spec)
      : columns(static_cast<int>(spec.numbers[0])),
        width(static_cast<int>(spec.numbers[1])),
        waves(static_cast<int>(spec.numbers[2])) {
    frequency = {columns, waves, leading(waves), 0, 0, spec.trainable};
    phase = frequency;
    kernel = {columns, waves * width, leading(waves * width), spec.numbers[3], spec.numbers[4], spec.trainable};
    bias = {columns, width, leading(width), 0, 0, spec.trainable};
  }
  void list(std::vector<Array*>& arrays) override {
    for (Array* array : {&frequency, &phase, &kernel, &bias}) arrays.push_back(array);
  }
  long room() const { return 2L * padded(waves) + padded(waves * width) + padded(width); }
  bool reserve(long rows) override {
    if (!inputs.reserve(rows, in->units) || !outputs.reserve(rows, out->units)) return false;
    if (!out->error.data()) return true;
    return errors.reserve(rows, out->units) && sums.reserve(static_cast<std::size_t>(room() * columns));
  }
  double work() const override { return static_cast<double>(columns) * waves * (width + 16); }
  int offset(int j) const { return in->units + j * width; }

  // A wave's place in its turn, from -1/2 to 1/2.
  struct Wave {
    float w, p;
    vec turn(vec x) const { return reduced(x * w + p); }
  };
  static vec reduced(vec t) {
    const vec shift = all(12582912.0f);  // 1.5 * 2^23: adding it rounds to the nearest integer
    return t - ((t + shift) - shift);
  }
  Wave wave(int j, int f) const {
    return {frequency.w[j * frequency.ld + f], phase.w[j * phase.ld + f] * (1 / TWO_PI)};
  }
  static vec sine(vec turn) { return cos_turns(reduced(turn - 0.25f)); }

  void forward(const Pass&, int from, int to) override {
    for (int m = from; m < to; m += W) {
      const int rows = to - m < W ? to - m : W;
      vec *x = inputs.at(m), *y = outputs.at(m);
      rows_to_lanes(in->value_of(m), in->ld, rows, in->units, x);
      for (int n = 0; n < in->units; n++) y[n] = x[n];
      for (int j = 0; j < columns; j++)
        for (int top = 0; top < width; top += BLOCK)
          if (width - top >= BLOCK)
            mix<BLOCK>(j, top, x[j], y + offset(j) + top);
          else
            for (int i = top; i < width; i++) mix<1>(j, i, x[j], y + offset(j) + i);
      lanes_to_rows(y, rows, out->units, out->value_of(m), out->ld);
    }
  }
  template <int N>
  void mix(int j, int top, vec x, vec* e) const {
    vec z[N];
    for (int i = 0; i < N; i++) z[i] = all(bias.w[j * bias.ld + top + i]);
    for (int f = 0; f < waves; f++) {
      const vec h = cos_turns(wave(j, f).turn(x));
      const float* w = kernel.w + j * kernel.ld + f * width + top;
      for (int i = 0; i < N; i++) z[i] += h * w[i];
    }
    for (int i = 0; i < N; i++) e[i] = max(z[i], vec{});
  }

  void backward(const Pass&, int from, int to) override {
    for (int m = from; m < to; m += W) {
      const int rows = to - m < W ? to - m : W;
      vec* d = errors.at(m);
      rows_to_lanes(out->error_of(m), out->ld, rows, out->units, d);
      if (rows == 1)  // its error is in every lane, and counts once
        for (int n = 0; n < out->units; n++) d[n] = first(1) ? d[n] : vec{};
      for (int n = in->units; n < out->units; n++) d[n] = outputs.at(m)[n] > 0 ? d[n] : vec{};
      if (in->error.data()) spread(m, rows);
    }
  }
  void spread(int m, int rows) {
    vec *d = errors.at(m), *x = inputs.at(m);
    for (int j = 0; j < columns; j++) {
      vec dx = {};
      for (int f = 0; f < waves; f++) dx += wave(j, f).w * rising(j, f, x[j], d + offset(j));
      d[j] += TWO_PI * dx;
    }
    for (int i = 0; i < rows; i++)
      for (int n = 0; n < padded(in->units); n += W) {
        vec g = {};
        for (int l = 0; l < W && n + l < in->units; l++) g[l] = d[n + l][i];
        InputError{*in, in_adds}(m + i, n, 1, 1, &g);
      }
  }
  // u = -sin(2 pi w x + p) (d W^T) of a wave.
  vec rising(int j, int f, vec x, const vec* d) const {
    const float* w = kernel.w + j * kernel.ld + f * width;
    vec dh = {};
    for (int i = 0; i < width; i++) dh += d[i] * w[i];
    return -sine(wave(j, f).turn(x)) * dh;
  }

  // A part: a column.
  int parts() const override { return columns; }
  void learn(const Pass& pass, int from, int to) override {
    if (!kernel.trainable) return;
    for (int j = from; j < to; j++) {
      float* dw = sums.data() + j * room();
      float *dp = dw + padded(waves), *dk = dp + padded(waves), *dc = dk + padded(waves * width);
      for (int f = 0; f < waves; f++) {
        vec of_frequency = {}, of_phase = {};
        for (int m = 0; m < pass.rows; m += W) {
          const vec u = rising(j, f, inputs.at(m)[j], errors.at(m) + offset(j));
          of_phase += u, of_frequency += u * inputs.at(m)[j];
        }
        dp[f] = sum(of_phase), dw[f] = TWO_PI * sum(of_frequency);
        for (int top = 0; top < width; top += BLOCK)
          if (width - top >= BLOCK)
            gather<BLOCK>(pass, j, f, top, dk + f * width + top);
          else
            for (int i = top; i < width; i++) gather<1>(pass, j, f, i, dk + f * width + i);
      }
      for (int i = 0; i < width; i++) {
        vec total = {};
        for (int m = 0; m < pass.rows; m += W) total += errors.at(m)[offset(j) + i];
        dc[i] = sum(total);
      }
      spend(frequency, j, dw, pass), spend(phase, j, dp, pass), spend(kernel, j, dk, pass), spend(bias, j, dc, pass);
    }
  }
  // dW of a wave: sum over the rows of h d.
  template <int N>
  void gather(const Pass& pass, int j, int f, int top, float* to) const {
    const Wave of = wave(j, f);
    vec total[N] = {};
    for (int m = 0; m < pass.rows; m += W) {
      const vec h = cos_turns(of.turn(inputs.at(m)[j])), *d = errors.at(m) + offset(j) + top;
      for (int i = 0; i < N; i++) total[i] += h * d[i];
    }
    for (int i = 0; i < N; i++) to[i] = sum(total[i]);
  }
  static void spend(const Array& array, int j, const float* sums, const Pass& pass) {
    for (int n = 0; n < padded(array.columns); n += W) {
      const vec g = load(sums + n);
      Gradient{array, *pass.optimizer}(j, n, 1, 1, &g);
    }
  }
};

}  // namespace tabgrad::TABGRAD_ISA
