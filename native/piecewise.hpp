// Numbers as vectors that are piecewise linear in them: forward and backward side by side.
#pragma once

#include "layer.hpp"

namespace tabgrad::TABGRAD_ISA {

// e_j = x_j a_j + c_j + sum_t s_t v_t, out = [x, e_1, e_2, ...].   With g_j the error of e_j: da_j = sum x_j g_j,
// dc_j = sum g_j, dv_t = sum s_t g_j, dx_j = d_j + g_j . (a_j + v_k / length)
//
// s_t is 1 in the pieces before the one where x lies, k, and 0 in those after it. So the sum over pieces is a look-up,
// what v_0 to v_(k-1) add up to, and s_k v_k; and going back a row adds g to what is summed up for all pieces before k
// and s_k g to k alone.
struct PiecewiseLinear : Layer {
  static constexpr float BEYOND = 0.5f;  // how far the first and the last piece go on, in their own length
  struct Column {
    int knots, pieces, first;  // place of its first knot; how many pieces, and the place of the first
  };
  std::vector<Column> of;
  int width, total = 0;
  const float* given;
  Array linear, bias, kernel;
  Floats knots, inverse;         // of a piece's length
  Floats before;                 // for each piece what the v of those before it add up to
  Floats own, passed;            // sums over the rows that lie in a piece: s g, and g; zero between two steps
  Block<std::int32_t> piece_of;  // where each number of a batch lies, column after column, and how far in
  Floats come_of;
  long most_rows = 0;

  explicit PiecewiseLinear(const LayerSpec& spec) : width(static_cast<int>(spec.numbers[0])), given(spec.constants) {
    for (int j = 0, at = 0; j < spec.size_count; j++) {
      of.push_back({at, spec.sizes[j], total});
      at += spec.sizes[j] + 1, total += spec.sizes[j];
    }
    const int columns = spec.size_count;
    linear = {columns, width, leading(width), 0, 0, spec.trainable};
    bias = linear;
    kernel = {1, total * width, leading(total * width), spec.numbers[1], spec.numbers[2], spec.trainable};
  }
  void list(std::vector<Array*>& arrays) override {
    for (Array* array : {&linear, &bias, &kernel}) arrays.push_back(array);
  }
  bool reserve(long rows) override {
    const auto columns = of.size(), size = static_cast<std::size_t>(kernel.ld);
    most_rows = rows;
    if (!knots.reserve(static_cast<std::size_t>(total) + columns) || !inverse.reserve(static_cast<std::size_t>(total)))
      return false;
    for (const Column& column : of) {
      for (int i = 0; i <= column.pieces; i++) knots.data()[column.knots + i] = given[column.knots + i];
      for (int i = 0; i < column.pieces; i++)
        inverse.data()[column.first + i] = 1 / (given[column.knots + i + 1] - given[column.knots + i]);
    }
    return before.reserve(size) && own.reserve(size) && passed.reserve(size) &&
           piece_of.reserve(static_cast<std::size_t>(rows) * columns) &&
           come_of.reserve(static_cast<std::size_t>(rows) * columns);
  }
  double work() const override { return 4.0 * static_cast<double>(of.size()) * (width + 8); }
  int offset(int j) const { return in->units + j * width; }

  // The piece in which x lies; `come`: how far in, not yet cut.
  int piece(const Column& column, float x, float& come) const {
    const float* b = knots.data() + column.knots;
    int k = 0;
    for (int i = 1; i < column.pieces; i++) k += x >= b[i];
    come = (x - b[k]) * inverse.data()[column.first + k];
    return column.first + k;
  }

  void forward(const Pass&, int from, int to) override {
    for (int m = from; m < to; m++) {
      float* y = out->value_of(m);
      for (int n = 0; n < padded(in->units); n += W) store(y + n, load(in->value_of(m) + n));
      for (int j = 0; j < static_cast<int>(of.size()); j++) {
        const float x = in->value_of(m)[j];
        float s;
        const int k = piece(of[static_cast<std::size_t>(j)], x, s);
        s = s < -BEYOND ? -BEYOND : (s > 1 + BEYOND ? 1 + BEYOND : s);
        piece_of.data()[j * most_rows + m] = k, come_of.data()[j * most_rows + m] = s;
        const float *sum = before.data() + k * width, *v = kernel.w + k * width;
        const float *a = linear.w + j * linear.ld, *c = bias.w + j * bias.ld;
        float* e = y + offset(j);
        for (int i = 0; i < width; i++) e[i] = sum[i] + s * v[i] + (x * a[i] + c[i]);
      }
    }
  }

  void backward(const Pass&, int from, int to) override {
    if (!in->error.data()) return;
    for (int m = from; m < to; m++) {
      const float* d = out->error_of(m);
      for (int n = 0; n < padded(in->units); n += W) {
        vec g = first(in->units - n) ? load(d + n) : vec{};
        for (int i = 0; i < W && n + i < static_cast<int>(of.size()); i++) g[i] += slope(m, n + i, d + offset(n + i));
        InputError{*in, in_adds}(m, n, 1, 1, &g);
      }
    }
  }
  // g . (a + v_k / length), without the second where x lies beyond.
  float slope(int m, int j, const float* g) const {
    float s, total_slope = 0;
    const int k = piece(of[static_cast<std::size_t>(j)], in->value_of(m)[j], s);
    const float rate = s >= -BEYOND && s < 1 + BEYOND ? inverse.data()[k] : 0;
    for (int i = 0; i < width; i++)
      total_slope += g[i] * (linear.w[j * linear.ld + i] + rate * kernel.w[k * width + i]);
    return total_slope;
  }

  // A part: a column's a and c; the last: the kernel.
  int parts() const override { return static_cast<int>(of.size()) + 1; }
  void learn(const Pass& pass, int from, int to) override {
    if (!kernel.trainable) return;
    for (int j = from; j < to && j < static_cast<int>(of.size()); j++)
      for (int n = 0; n < padded(width); n += W) {
        vec da = {}, dc = {};
        for (int m = 0; m < pass.rows; m++) {
          const vec g = first(width - n) ? load_loose(out->error_of(m) + offset(j) + n) : vec{};
          da += in->value_of(m)[j] * g, dc += g;
        }
        Gradient{linear, *pass.optimizer}(j, n, 1, 1, &da);
        Gradient{bias, *pass.optimizer}(j, n, 1, 1, &dc);
      }
    if (to < parts()) return;
    for (int j = 0; j < static_cast<int>(of.size()); j++) sum_up(j, pass.rows);
    row_gradient(kernel, *pass.optimizer, [&]<int V>(int n, vec(&g)[V]) __attribute__((always_inline)) {
      for (int i = 0; i < V; i++) g[i] = load(own.data() + n + W * i), store(own.data() + n + W * i, vec{});
    });
    if (!pass.optimizer->store_only) refresh(to - 1, to);
  }
  // dv of a column's pieces: what its own rows give, and what those give that have come through it.
  void sum_up(int j, int rows) {
    const Column& column = of[static_cast<std::size_t>(j)];
    for (int m = 0; m < rows; m++) {
      const int k = piece_of.data()[j * most_rows + m];
      const float s = come_of.data()[j * most_rows + m], *g = out->error_of(m) + offset(j);
      float *of_piece = own.data() + k * width, *through = passed.data() + k * width;
      for (int i = 0; i < width; i++) of_piece[i] += s * g[i], through[i] += g[i];
    }
    for (int i = 0; i < width; i++) {
      float later = 0;
      for (int k = column.first + column.pieces; k-- > column.first;) {
        own.data()[k * width + i] += later;
        later += passed.data()[k * width + i], passed.data()[k * width + i] = 0;
      }
    }
  }
  void refresh(int, int to) override {
    if (to < parts()) return;
    for (const Column& column : of)
      for (int i = 0; i < width; i++) {
        float sum = 0;
        for (int k = column.first; k < column.first + column.pieces; k++) {
          before.data()[k * width + i] = sum;
          sum += kernel.w[k * width + i];
        }
      }
  }
};

}  // namespace tabgrad::TABGRAD_ISA
