// Rows of which one term is exchanged for that of another row, as they come to the rest of a network.
#pragma once

#include <algorithm>

#include "layer.hpp"

namespace tabgrad::TABGRAD_ISA {

// out = f(x_i + (t_(order ri) - t_i)) at place i * orders + r. There is no way back: it only predicts.
struct Exchanged : Layer {
  static constexpr int MOST_ROWS = 16;  // that become of a row at a time: what is the same for all of them is read once

  bool joins_activation() const override { return !sealed && !bends(); }
  bool joins_dropout() const override { return !sealed && !dropout; }
  void forward(const Pass& pass, int from, int to) override {
    const float* others[2][MOST_ROWS];
    int coming = look_ahead(pass, from, to, others[0]);
    for (int m = from, rows, block = 0; m < to; m += rows, block ^= 1) {
      rows = coming, coming = look_ahead(pass, m + rows, to, others[block ^ 1]);
      exchange(pass, m, rows, others[block]);
    }
  }
  void backward(const Pass&, int, int) override {}

 private:
  // The terms that come at places from m on, as far as they come to the same row; and asks for them.
  int look_ahead(const Pass& pass, int m, int to, const float** others) const {
    if (m == to) return 0;
    const Exchange& by = *pass.batch->rows.exchange;
    const std::int64_t place = pass.batch->place(m), i = by.first + place / by.orders, r = place % by.orders;
    const int rows = static_cast<int>(std::min<std::int64_t>({MOST_ROWS, to - m, by.orders - r}));
    for (int at = 0; at < rows; at++) {
      others[at] = by.terms + static_cast<std::int64_t>(by.order[(r + at) * by.rows + i]) * in->units;
      for (int j = 0; j < in->units; j += 16) __builtin_prefetch(others[at] + j);
    }
    return rows;
  }
  void exchange(const Pass& pass, int m, int rows, const float* const* others) const {
    const Exchange& by = *pass.batch->rows.exchange;
    const std::int64_t row = pass.batch->place(m) / by.orders;
    const float *x = pass.batch->rows.x + row * in->units, *own = by.terms + (by.first + row) * in->units;
    for (int n = 0; n < in->units; n += W * TILE_VECTORS) {
      vec z[MOST_ROWS * TILE_VECTORS];
      const int left = in->units - n, vectors = std::min<int>(padded(left) / W, TILE_VECTORS);
      for (int j = 0; j < vectors; j++) {
        const auto at = [&](const float* p) { return some(p + n + W * j, left - W * j); };
        const vec of_x = at(x), of_own = at(own);
        for (int i = 0; i < rows; i++) z[i * vectors + j] = of_x + (at(others[i]) - of_own);
      }
      finish_block(pass, m, n, rows, vectors, z);
    }
  }
  // So many numbers, and zeros behind.
  static vec some(const float* p, int count) {
    if (count >= W) return load_loose(p);
    vec last = {};
    for (int i = 0; i < count; i++) last[i] = p[i];
    return last;
  }
};

}  // namespace tabgrad::TABGRAD_ISA
