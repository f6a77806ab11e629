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
  Lanes inputs, outputs, errors, slopes;  // of W rows: the columns, their vectors, the errors of both
  Floats sums;                            // of a column's frequencies, phases and kernel, for each part; padded

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
    if (!inputs.reserve(rows, columns) || !outputs.reserve(rows, columns * width)) return false;
    if (!out->error.data()) return true;
    return errors.reserve(rows, columns * width) && slopes.reserve(rows, columns) &&
           sums.reserve(static_cast<std::size_t>(room() * columns));
  }
  double work() const override { return static_cast<double>(columns) * waves * (width + 16); }
  bool passes_on() const override { return true; }

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

  void forward(const Pass&, int from, int to) override {
    for (int m = from; m < to; m += W) {
      const int rows = to - m < W ? to - m : W;
      vec *x = inputs.at(m), *e = outputs.at(m);
      rows_to_lanes(in->value_of(m), in->ld, rows, columns, x);
      for (int j = 0; j < columns; j++)
        in_blocks(width, [&]<int N>(int top) { mix<N>(j, top, x[j], e + j * width + top); });
      for (int i = 0; i < rows; i++)
        for (int n = 0; n < padded(in->units); n += W) store(out->value_of(m + i) + n, load(in->value_of(m + i) + n));
      lanes_to_loose_rows(e, rows, columns * width, out->value_of(m) + in->units, out->ld);
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
  // body<N>(top) for each block of at most BLOCK outputs.
  template <class Body, int... i>
  [[gnu::always_inline]] static void in_blocks(int width, const Body& body, std::integer_sequence<int, i...>) {
    int top = 0;
    for (; width - top >= BLOCK; top += BLOCK) body.template operator()<BLOCK>(top);
    ((width - top == i + 1 ? body.template operator()<i + 1>(top) : void()), ...);
  }
  template <class Body>
  [[gnu::always_inline]] static void in_blocks(int width, const Body& body) {
    in_blocks(width, body, std::make_integer_sequence<int, BLOCK - 1>{});
  }

  void backward(const Pass&, int from, int to) override {
    for (int m = from; m < to; m += W) {
      const int rows = to - m < W ? to - m : W;
      vec *d = errors.at(m), *e = outputs.at(m);
      loose_rows_to_lanes(out->error_of(m) + in->units, out->ld, rows, columns * width, d);
      for (int n = 0; n < columns * width; n++) d[n] = e[n] > 0 ? d[n] : vec{};
      if (!in->error.data()) continue;
      const bool spreads = in->unread < columns;
      for (int j = 0; spreads && j < columns; j++) slopes.at(m)[j] = slope(j, inputs.at(m)[j], d + j * width);
      for (int i = 0; i < rows; i++) pass_back(m, i, spreads);
    }
  }
  // dx_j - d_j of W rows.
  vec slope(int j, vec x, const vec* d) const {
    vec dx = {};
    for (int f = 0; f < waves; f++) {
      const Wave of = wave(j, f);
      const float* w = kernel.w + j * kernel.ld + f * width;
      vec dh = {};
      for (int i = 0; i < width; i++) dh += d[i] * w[i];
      dx -= of.w * (sin_turns(of.turn(x)) * dh);
    }
    return TWO_PI * dx;
  }
  // The error of a row's inputs, lane i of those from row m on.
  void pass_back(int m, int i, bool spreads) {
    for (int n = in->unread / W * W; n < padded(in->units); n += W) {
      vec g = first(in->units - n) ? load(out->error_of(m + i) + n) : vec{};
      for (int l = 0; spreads && l < W && n + l < columns; l++) g[l] += slopes.at(m)[n + l][i];
      InputError{*in, in_adds}(m + i, n, 1, 1, &g);
    }
  }

  // A part: a column.
  int parts() const override { return columns; }
  void learn(const Pass& pass, int from, int to) override {
    if (!kernel.trainable) return;
    for (int j = from; j < to; j++) {
      float* dw = sums.data() + j * room();
      float *dp = dw + padded(waves), *dk = dp + padded(waves), *dc = dk + padded(waves * width);
      std::memset(dw, 0, 2 * static_cast<std::size_t>(padded(waves)) * sizeof(float));
      in_blocks(width, [&]<int N>(int top) {
        for (int f = 0; f < waves; f++) sum_up<N>(pass, j, f, top, dw + f, dp + f, dk + f * width + top);
      });
      for (int i = 0; i < width; i++) {
        vec total = {};
        for (int m = 0; m < pass.rows; m += W) total += errors.at(m)[j * width + i];
        dc[i] = sum(total);
      }
      spend(frequency, j, dw, pass), spend(phase, j, dp, pass), spend(kernel, j, dk, pass), spend(bias, j, dc, pass);
    }
  }
  // What N of a column's outputs tell of a wave: its dw and dp, which others add to, and its dW.
  template <int N>
  void sum_up(const Pass& pass, int j, int f, int top, float* dw, float* dp, float* dk) const {
    const Wave of = wave(j, f);
    const float* w = kernel.w + j * kernel.ld + f * width + top;
    vec of_frequency = {}, of_phase = {}, of_kernel[N] = {};
    for (int m = 0; m < pass.rows; m += W) {
      const vec x = inputs.at(m)[j], turn = of.turn(x), h = cos_turns(turn), *d = errors.at(m) + j * width + top;
      vec dh = {};
      for (int i = 0; i < N; i++) of_kernel[i] += h * d[i], dh += d[i] * w[i];
      const vec u = sin_turns(turn) * dh;
      of_phase -= u, of_frequency -= u * x;
    }
    *dp += sum(of_phase), *dw += TWO_PI * sum(of_frequency);
    for (int i = 0; i < N; i++) dk[i] = sum(of_kernel[i]);
  }
  static void spend(const Array& array, int j, const float* sums, const Pass& pass) {
    for (int n = 0; n < padded(array.columns); n += W) {
      const vec g = load(sums + n);
      Gradient{array, *pass.optimizer}(j, n, 1, 1, &g);
    }
  }
};

}  // namespace tabgrad::TABGRAD_ISA
