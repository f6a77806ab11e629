// Rows of which one term is exchanged for that of another row, as they come to the rest of a network.
#pragma once

#include "layer.hpp"

namespace tabgrad::TABGRAD_ISA {

// out = f(x_i + (t_(order ri) - t_i)) at place i * orders + r. There is no way back: it only predicts.
struct Exchanged : Layer {
  static constexpr int AHEAD = 2;  // rows that lie anywhere are asked for while so many others are worked on

  bool joins_activation() const override { return !sealed && !bends(); }
  bool joins_dropout() const override { return !sealed && !dropout; }
  void forward(const Pass& pass, int from, int to) override {
    const Exchange& by = *pass.batch->rows.exchange;
    const int columns = in->units;
    const auto row_of = [&](int m) { return pass.batch->place(m) / by.orders; };
    const auto other_of = [&](int m) {
      const std::int64_t order = pass.batch->place(m) % by.orders;
      return by.terms + static_cast<std::int64_t>(by.order[order * by.rows + by.first + row_of(m)]) * columns;
    };
    const float *x = nullptr, *own = nullptr, *other = nullptr;
    const auto make = [&](int, int n) {
      if (n + W <= columns) return load_loose(x + n) + (load_loose(other + n) - load_loose(own + n));
      vec last = {};
      for (int j = n; j < columns; j++) last[j - n] = x[j] + (other[j] - own[j]);
      return last;
    };
    for (int m = from; m < to; m++) {
      x = pass.batch->rows.x + row_of(m) * columns, own = by.terms + (by.first + row_of(m)) * columns;
      other = other_of(m);
      const float* const coming = m + AHEAD < pass.rows ? other_of(m + AHEAD) : other;
      for (int j = 0; j < columns; j += 16) __builtin_prefetch(coming + j);
      finish_rows(pass, m, m + 1, make);
    }
  }
  void backward(const Pass&, int, int) override {}
};

}  // namespace tabgrad::TABGRAD_ISA
