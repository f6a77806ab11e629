// Numbers as vectors that are piecewise linear in them: forward and backward side by side.
#pragma once

#include "layer.hpp"

namespace tabgrad::TABGRAD_ISA {

// e_j = x_j a_j + c_j + sum_t s_t v_t, out = [x, e_1, e_2, ...].   With g_j the error of e_j: da_j = sum x_j g_j,
// dc_j = sum g_j, dv_t = sum s_t g_j, dx_j = d_j + g_j . (a_j + v_k / length)
//
// s_t is 1 in the pieces before the one where x lies, k, and 0 in those after it. So the sum over pieces is a look-up,
// what v_0 to v_(k-1) add up to, and s_k v_k; and going back a row adds g to what is summed up for all pieces before k
// and s_k g to k alone. Pieces are found for W rows at once, everything else goes along the vector of a column.
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
  Floats sums;                   // over the rows: x g, then g, of each column
  Lanes inputs, places;          // of W rows: the numbers, and in which piece of its column each lies
  Block<std::int32_t> piece_of;  // where each number of a row lies, and how far in
  Floats come_of;

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
    const int count = static_cast<int>(columns);
    if (!inputs.reserve(rows, count) || !places.reserve(rows, count) || !sums.reserve(2 * padded(count * width) + W))
      return false;
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
  int columns() const { return static_cast<int>(of.size()); }
  int offset(int j) const { return in->units + j * width; }
  bool passes_on() const override { return true; }

  // Four numbers of a column's vector at a time, then those that are left, one at a time: step<T>(i). (A vector type as
  // the argument of a template would lose how it is aligned.)
  struct Fours {
    typedef four type;
  };
  struct Ones {
    typedef float type;
  };
  template <class Step>
  [[gnu::always_inline]] void along(const Step& step) const {
    int i = 0;
    for (; i + 4 <= width; i += 4) step.template operator()<Fours>(i);
    for (; i < width; i++) step.template operator()<Ones>(i);
  }
  template <class T>
  static typename T::type& at(float* p) {
    return *reinterpret_cast<typename T::type*>(p);
  }
  template <class T>
  static const typename T::type& at(const float* p) {
    return *reinterpret_cast<const typename T::type*>(p);
  }

  // The pieces in which W rows lie: those whose first knot is not above x, from the second on, are counted.
  ivec count(const Column& column, vec x) const {
    const float* b = knots.data() + column.knots;
    ivec k = {};
    for (int i = 1; i < column.pieces; i++) k -= x >= b[i];
    return k + column.first;
  }
  void forward(const Pass&, int from, int to) override {
    const int count_of_columns = columns();
    for (int m = from; m < to; m += W) {
      const int rows = to - m < W ? to - m : W;
      rows_to_lanes(in->value_of(m), in->ld, rows, count_of_columns, inputs.at(m));
      for (int j = 0; j < count_of_columns; j++)
        places.at(m)[j] = as_float(count(of[static_cast<std::size_t>(j)], inputs.at(m)[j]));
      for (int i = 0; i < rows; i++) look_up(m + i, reinterpret_cast<const std::int32_t*>(places.at(m)) + i);
    }
  }
  // The output of a row whose numbers lie in these pieces, W places apart.
  void look_up(int m, const std::int32_t* pieces) {
    const float* x = in->value_of(m);
    float* y = out->value_of(m);
    for (int n = 0; n < padded(in->units); n += W) store(y + n, load(x + n));
    std::int32_t* const piece = piece_of.data() + static_cast<long>(m) * columns();
    float* const come = come_of.data() + static_cast<long>(m) * columns();
    for (int j = 0; j < columns(); j++) {
      const int k = pieces[static_cast<long>(j) * W];
      float s = (x[j] - knots.data()[k + j]) * inverse.data()[k];  // a column has one knot more than pieces
      s = s < -BEYOND ? -BEYOND : (s > 1 + BEYOND ? 1 + BEYOND : s);
      piece[j] = k, come[j] = s;
      const float *sum = before.data() + static_cast<long>(k) * width, *v = kernel.w + static_cast<long>(k) * width;
      const float *a = linear.w + j * linear.ld, *c = bias.w + j * bias.ld;
      along([&]<class T>(int i) __attribute__((always_inline)) {
        at<T>(y + offset(j) + i) = at<T>(sum + i) + s * at<T>(v + i) + (x[j] * at<T>(a + i) + at<T>(c + i));
      });
    }
  }

  void backward(const Pass&, int from, int to) override {
    if (!in->error.data()) return;
    for (int m = from; m < to; m++) {
      const float* d = out->error_of(m);
      for (int n = in->unread / W * W; n < padded(in->units); n += W) {
        vec g = first(in->units - n) ? load(d + n) : vec{};
        for (int i = 0; i < W && n + i < columns(); i++) g[i] += slope(m, n + i, d + offset(n + i));
        InputError{*in, in_adds}(m, n, 1, 1, &g);
      }
    }
  }
  // g . (a + v_k / length), without the second where x lies beyond.
  float slope(int m, int j, const float* g) const {
    const int k = piece_of.data()[static_cast<long>(m) * columns() + j];
    const float s = (in->value_of(m)[j] - knots.data()[k + j]) * inverse.data()[k];
    const float rate = s >= -BEYOND && s < 1 + BEYOND ? inverse.data()[k] : 0;
    float total_slope = 0;
    for (int i = 0; i < width; i++)
      total_slope += g[i] * (linear.w[j * linear.ld + i] + rate * kernel.w[k * width + i]);
    return total_slope;
  }

  // One part: a row adds to all arrays, and is looked at once.
  int parts() const override { return 1; }
  void learn(const Pass& pass, int, int) override {
    if (!kernel.trainable) return;
    float *const da = sums.data(), *const dc = da + padded(columns() * width);
    std::memset(da, 0, sums.bytes());
    for (int m = 0; m < pass.rows; m++) sum_up(m, da);
    for (int j = 0; j < columns(); j++) add_later(of[static_cast<std::size_t>(j)], dc + j * width);
    for (int j = 0; j < columns(); j++)
      for (int n = 0; n < padded(width); n += W) {
        const vec of_linear = first(width - n) ? load_loose(da + j * width + n) : vec{};
        const vec of_bias = first(width - n) ? load_loose(dc + j * width + n) : vec{};
        Gradient{linear, *pass.optimizer}(j, n, 1, 1, &of_linear);
        Gradient{bias, *pass.optimizer}(j, n, 1, 1, &of_bias);
      }
    row_gradient(kernel, *pass.optimizer, [&]<int V>(int n, vec(&g)[V]) __attribute__((always_inline)) {
      for (int i = 0; i < V; i++) g[i] = load(own.data() + n + W * i), store(own.data() + n + W * i, vec{});
    });
    if (!pass.optimizer->store_only) refresh(0, 1);
  }
  // What a row adds to da, and to the pieces in which its numbers lie.
  void sum_up(int m, float* da) {
    const float *x = in->value_of(m), *g = out->error_of(m) + in->units;
    const std::int32_t* const piece = piece_of.data() + static_cast<long>(m) * columns();
    const float* const come = come_of.data() + static_cast<long>(m) * columns();
    for (int j = 0; j < columns(); j++, g += width, da += width) {
      const long at_piece = static_cast<long>(piece[j]) * width;
      along([&]<class T>(int i) __attribute__((always_inline)) {
        const typename T::type d = at<T>(g + i);
        at<T>(da + i) += x[j] * d;
        at<T>(own.data() + at_piece + i) += come[j] * d, at<T>(passed.data() + at_piece + i) += d;
      });
    }
  }
  // Each piece's rows add to dv of the pieces before it, and all of them to dc.
  void add_later(const Column& column, float* dc) {
    along([&]<class T>(int i) __attribute__((always_inline)) {
      typename T::type later = {};
      for (long k = column.first + column.pieces; k-- > column.first;) {
        typename T::type& through = at<T>(passed.data() + k * width + i);
        at<T>(own.data() + k * width + i) += later;
        later += through, through = typename T::type{};
      }
      at<T>(dc + i) = later;
    });
  }
  void refresh(int, int) override {
    for (const Column& column : of)
      along([&]<class T>(int i) __attribute__((always_inline)) {
        typename T::type sum = {};
        for (long k = column.first; k < column.first + column.pieces; k++) {
          at<T>(before.data() + k * width + i) = sum;
          sum += at<T>(kernel.w + k * width + i);
        }
      });
  }
};

}  // namespace tabgrad::TABGRAD_ISA
