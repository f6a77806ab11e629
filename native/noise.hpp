// Noise layers other than dropout, which layers take in at their end: nothing at prediction.
//
// gaussian_noise:    out = x + s n             dx = d
// gaussian_dropout:  out = x (1 + s n)         dx = d (1 + s n)
// alpha_dropout:     out = a (x or m) + b      dx = a d where kept, else 0
#pragma once

#include "layer.hpp"

namespace tabgrad::TABGRAD_ISA {

struct Noise : Layer {
  enum class Kind { gaussian_noise, gaussian_dropout, alpha_dropout };
  Kind kind;
  float deviation = 0;                    // s
  float scale = 1, limit = 0, shift = 0;  // a, m, b
  Dropout mask;                           // of alpha dropout
  Normals normals;
  std::uint64_t seed;
  std::uint64_t place;

  Noise(Kind kind, const LayerSpec& spec) : kind(kind), seed(spec.seed), place(static_cast<std::uint64_t>(spec.index)) {
    if (kind == Kind::alpha_dropout)
      mask = dropout_of_rate(spec.numbers[0]), scale = spec.numbers[1], limit = spec.numbers[2],
      shift = spec.numbers[3];
    else
      deviation = spec.numbers[0];
  }
  bool bends() const override { return kind != Kind::gaussian_noise; }
  bool prepares() const override { return true; }
  void prepare(const Pass& pass) override {
    const auto step = static_cast<std::uint64_t>(pass.step);
    if (kind == Kind::alpha_dropout)
      mask.begin_step(seed, step, place);
    else
      normals.begin_step(seed, step, place);
  }
  void forward(const Pass& pass, int from, int to) override {
    for (int m = from; m < to; m++) {
      float* slope = out->slope_of(m);
      const std::uint32_t row = static_cast<std::uint32_t>(m) * static_cast<std::uint32_t>(out->units);
      for (int n = 0; n < padded(in->units); n += W) {
        const vec x = load(in->value_of(m) + n);
        if (!pass.training) {
          store(out->value_of(m) + n, x);
          continue;
        }
        const std::uint32_t position = row + static_cast<std::uint32_t>(n);
        vec y, s = all(1);
        if (kind == Kind::alpha_dropout) {
          const ivec kept = mask.kept(position);
          y = scale * (kept ? x : all(limit)) + shift, s = kept ? all(scale) : vec{};
        } else if (kind == Kind::gaussian_dropout) {
          s = 1 + deviation * normals.at(position), y = x * s;
        } else {
          y = x + deviation * normals.at(position);
        }
        store(out->value_of(m) + n, y);
        if (slope) store(slope + n, s);
      }
    }
  }
  void backward(const Pass&, int from, int to) override {
    if (!in->error.data()) return;
    for (int m = from; m < to; m++)
      for (int n = 0; n < padded(in->units); n += W) {
        const vec d = load(out->error_of(m) + n);
        InputError{*in, in_adds}(m, n, 1, 1, &d);
      }
  }
};

}  // namespace tabgrad::TABGRAD_ISA
