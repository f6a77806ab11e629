// Muon's step of a matrix, with the formulas of src/tabgrad/optimizers/: the gathered gradient, made orthogonal by
// Newton and Schulz's iteration.
//
// The iteration runs on the tall form X of the matrix, the transposed one where it is wide: A = X^T X is the smaller
// of the two products. Threads share the rows of each product, so that bits do not depend on their number.
#pragma once

#include <algorithm>
#include <vector>

#include "memory.hpp"
#include "optimizers.hpp"
#include "tile.hpp"

namespace tabgrad::TABGRAD_ISA {

// What is done to a gradient before it is used: scaled, then cut to [-value, value].
struct Clip {
  float scale, value;
  vec operator()(vec g) const { return max(min(scale * g, all(value)), all(-value)); }
};

// Rows [from, to) of out = p A B + q C, where q is not 0.
struct Product {
  int terms, columns;
  Left A;
  const float* B;
  long ldb;
  float* out;
  long ld;
  float p = 1, q = 0;
  const float* C = nullptr;  // laid out as `out`

  void operator()(int from, int to) const {
    product(to - from, padded(columns), terms, Left{A.a + from * A.row, A.row, A.step}, B, ldb,
            [&](int m, int n, int rows, int vectors, const vec* block) {
              for (int i = 0; i < rows; i++)
                for (int j = 0; j < vectors; j++) {
                  const long at = (from + m + i) * ld + n + W * j;
                  const vec sum = p * block[i * vectors + j];
                  store(out + at, q != 0 ? sum + q * load(C + at) : sum);
                }
            });
  }
};

// numbers: adam_beta_1, adam_beta_2, adam_weight_decay, epsilon, muon_a, muon_b, muon_c, adam_lr_ratio, momentum,
// ns_steps, nesterov, rms_rate
class Muon {
 public:
  // Room for the largest of the matrices; false: memory is short.
  bool reserve(const std::vector<Array*>& arrays) {
    std::size_t size = 0, squares = 0;
    for (const Array* array : arrays) {
      if (!array->orthogonal()) continue;
      const int rows = array->matrix_rows, columns = array->matrix_columns, shorter = std::min(rows, columns);
      size = std::max({size, static_cast<std::size_t>(array->size()), room(rows, columns), room(columns, rows)});
      squares = std::max(squares, room(shorter, shorter));
    }
    return x_.reserve(size) && next_.reserve(size) && square_.reserve(squares) && polynomial_.reserve(squares);
  }

  // w <- w (1 - lr weight_decay) - lr rms_rate sqrt(max(rows, columns)) X;  each_row(count, work of a row, body) runs
  // body(from, to) over rows; false: interrupted.
  template <class EachRow>
  bool step(const Step& step, const Array& array, const Clip& clip, const EachRow& each_row) {
    const bool flat = array.rows == 1 && std::min(array.matrix_rows, array.matrix_columns) > 1;
    const int rows = flat ? array.matrix_rows : array.rows, columns = flat ? array.matrix_columns : array.columns;
    const bool wide = columns > rows;
    const long ld = flat ? leading(columns) : array.ld, tall_ld = wide ? leading(rows) : ld;
    const int longer = wide ? columns : rows, shorter = wide ? rows : columns;
    gather(step, array, clip);
    if (flat) spread(rows, columns, ld);
    if (wide) turn(ld, rows, columns, tall_ld);
    normalise(longer, shorter, tall_ld);
    for (int i = 0; i < static_cast<int>(step.own(9)); i++)
      if (!iterate(step, longer, shorter, tall_ld, each_row)) return false;
    if (wide) turn(tall_ld, longer, shorter, ld);
    if (flat) join(rows, columns, ld);
    const float root = std::sqrt(static_cast<float>(longer));
    const float rate = step.matrix_rate * (step.has(Step::OWN + 11) ? root * step.own(11) : 1.0f);
    for (int i = 0; i < array.rows; i++)
      for (long at = i * array.ld, end = at + padded(array.columns); at < end; at += W)
        store(array.w + at, load(array.w + at) * step.matrix_decay - rate * load(x_.data() + at));
    return true;
  }

 private:
  // Rows in padded memory, with what a block of W x W may write behind them.
  static std::size_t room(int rows, int columns) {
    return static_cast<std::size_t>(padded(rows)) * static_cast<std::size_t>(leading(columns));
  }

  // m <- momentum m + g,  X = g + momentum m in Nesterov's form, else m
  void gather(const Step& step, const Array& array, const Clip& clip) const {
    const float momentum = step.own(8);
    for (long i = 0; i < array.size(); i += W) {
      const vec g = clip(load(array.gradient + i)), m = g + momentum * load(array.slot[0] + i);
      store(array.slot[0] + i, m);
      store(x_.data() + i, step.own(10) != 0 ? g + momentum * m : m);
    }
  }

  // X <- X / (|X| + 1e-7): no singular value is above 1
  void normalise(int rows, int columns, long ld) const {
    double square = 0;
    for (int i = 0; i < rows; i++) {
      vec total = {};
      for (int n = 0; n < padded(columns); n += W) {
        const vec x = load(x_.data() + i * ld + n);
        total += x * x;
      }
      square += static_cast<double>(sum(total));
    }
    const auto scale = static_cast<float>(1 / (std::sqrt(square) + 1e-7));
    for (int i = 0; i < rows; i++)
      for (long at = i * ld, end = at + padded(columns); at < end; at += W)
        store(x_.data() + at, scale * load(x_.data() + at));
  }

  // A = X^T X,  B = b A + c A A,  X <- a X + X B
  template <class EachRow>
  bool iterate(const Step& step, int rows, int columns, long ld, const EachRow& each_row) {
    const long square_ld = leading(columns);
    const float *const x = x_.data(), *const square = square_.data(), *const polynomial = polynomial_.data();
    const float a = step.own(4), b = step.own(5), c = step.own(6);
    const Product squares = {
        .terms = rows, .columns = columns, .A = {x, 1, ld}, .B = x, .ldb = ld, .out = square_.data(), .ld = square_ld};
    const Product polynomials = {.terms = columns,
                                 .columns = columns,
                                 .A = {square, square_ld, 1},
                                 .B = square,
                                 .ldb = square_ld,
                                 .out = polynomial_.data(),
                                 .ld = square_ld,
                                 .p = c,
                                 .q = b,
                                 .C = square};
    const Product applied = {.terms = columns,
                             .columns = columns,
                             .A = {x, ld, 1},
                             .B = polynomial,
                             .ldb = square_ld,
                             .out = next_.data(),
                             .ld = ld,
                             .q = a,
                             .C = x};
    const double shorter = columns, longer = rows;
    const bool done = each_row(columns, shorter * longer, squares) &&
                      each_row(columns, shorter * shorter, polynomials) && each_row(rows, shorter * shorter, applied);
    x_.swap(next_);
    return done;
  }

  // X transposed, in blocks of W x W; padding stays zero.
  void turn(long ld, int rows, int columns, long turned_ld) {
    for (int top = 0; top < rows; top += W)
      for (int n = 0; n < columns; n += W) {
        vec block[W];
        for (int i = 0; i < W; i++) block[i] = top + i < rows ? load(x_.data() + (top + i) * ld + n) : vec{};
        transpose(block);
        for (int i = 0; i < W; i++) store(next_.data() + (n + i) * turned_ld + top, block[i]);
      }
    x_.swap(next_);
  }

  // X from one long row, as tables of embeddings lie, to padded rows; and back.
  void spread(int rows, int columns, long ld) {
    for (long i = 0; i < rows; i++) {
      float* const row = next_.data() + i * ld;
      std::memcpy(row, x_.data() + i * columns, static_cast<std::size_t>(columns) * sizeof(float));
      std::fill(row + columns, row + padded(columns), 0.0f);
    }
    x_.swap(next_);
  }
  void join(int rows, int columns, long ld) {
    for (long i = 0; i < rows; i++)
      std::memcpy(next_.data() + i * columns, x_.data() + i * ld, static_cast<std::size_t>(columns) * sizeof(float));
    const long size = static_cast<long>(rows) * columns;
    std::fill(next_.data() + size, next_.data() + padded(static_cast<int>(size)), 0.0f);
    x_.swap(next_);
  }

  Floats x_, next_, square_, polynomial_;
};

}  // namespace tabgrad::TABGRAD_ISA
