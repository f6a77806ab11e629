// The product C = A B with an epilogue: the one kernel that matters.
//
// A register tile of C is summed over k, then its finished vectors go to a function while they are hot: going forward
// it adds the bias, applies the activation and drops units; going backward it multiplies by a slope, or takes the
// optimizer's step. Each element is summed in the order of k by fused multiply-adds, whatever the tile: the same bits
// for any number of rows and threads.
#pragma once

#include "vector.hpp"

namespace tabgrad::TABGRAD_ISA {

// A(m, k) = a[m * row + k * step]: rows of a matrix, or, transposed, its columns.
struct Left {
  const float* a;
  long row, step;
};

using Tile = void (*)(Left A, const float* B, long ldb, int K, vec* out, bool goes_on);

// M x V vectors of the product, added to what is there if it goes on. CONTIGUOUS: the rows of A follow each other in
// memory (A is a transposed matrix).
template <int M, int V, bool CONTIGUOUS>
static void tile(Left A, const float* B, long ldb, int K, vec* out, bool goes_on) {
  vec acc[M][V] = {};
  if (goes_on)
#pragma GCC unroll 8
    for (int i = 0; i < M; i++)
#pragma GCC unroll 8
      for (int j = 0; j < V; j++) acc[i][j] = out[i * V + j];
  const long row = CONTIGUOUS ? 1 : A.row, step = CONTIGUOUS ? A.step : 1;
  const float* a = A.a;
  for (int k = 0; k < K; k++, a += step, B += ldb) {
    vec b[V];
#pragma GCC unroll 8
    for (int j = 0; j < V; j++) b[j] = load(B + W * j);
#pragma GCC unroll 8
    for (int i = 0; i < M; i++)
#pragma GCC unroll 8
      for (int j = 0; j < V; j++) acc[i][j] += a[i * row] * b[j];
  }
#pragma GCC unroll 8
  for (int i = 0; i < M; i++)
#pragma GCC unroll 8
    for (int j = 0; j < V; j++) out[i * V + j] = acc[i][j];
}

template <int V, bool CONTIGUOUS, int... m>
static inline Tile pick_rows(int rows, std::integer_sequence<int, m...>) {
  static constexpr Tile tiles[] = {tile<m + 1, V, CONTIGUOUS>...};
  return tiles[rows - 1];
}
template <bool CONTIGUOUS>
static Tile pick_tile(int rows, int vectors) {
  if constexpr (TILE_VECTORS == 4) {
    if (vectors == 4) return pick_rows<4, CONTIGUOUS>(rows, std::make_integer_sequence<int, tile_rows(4)>{});
    if (vectors == 3) return pick_rows<3, CONTIGUOUS>(rows, std::make_integer_sequence<int, tile_rows(3)>{});
  }
  if (vectors == 2) return pick_rows<2, CONTIGUOUS>(rows, std::make_integer_sequence<int, tile_rows(2)>{});
  return pick_rows<1, CONTIGUOUS>(rows, std::make_integer_sequence<int, tile_rows(1)>{});
}

// Terms of a sum that are taken in one go: so many rows of a tile's columns stay in the cache for the next tile.
constexpr int DEPTH = 512;

// Calls epilogue(m, n, rows, vectors, block) for each finished tile at row m and column n of C (M x N, N padded), and
// epilogue.ahead(m, n, rows, vectors), where there is one, before the work on it: so what it reads is there then. Rows
// are cut evenly into blocks of at most the tile's height. `sums`: room for C where K is large, to take DEPTH terms of
// every tile at a time; null: all of them at once.
template <class Epilogue>
static void product(int M, int N, int K, Left A, const float* B, long ldb, const Epilogue& epilogue,
                    float* sums = nullptr) {
  alignas(64) vec single[MOST_TILE_ROWS * TILE_VECTORS];
  for (int k = 0, depth = sums ? DEPTH : K; k < K; k += depth) {
    const bool last = K - k <= depth;
    auto* block = sums ? reinterpret_cast<vec*>(sums) : single;
    for (int n = 0; n < N; n += W * TILE_VECTORS) {
      const int vectors = (N - n) / W < TILE_VECTORS ? (N - n) / W : TILE_VECTORS;
      const int most = tile_rows(vectors), blocks = (M + most - 1) / most;
      for (int i = 0, m = 0; i < blocks; i++) {
        const int rows = static_cast<int>(static_cast<long>(M) * (i + 1) / blocks) - m;
        if constexpr (requires { epilogue.ahead(m, n, rows, vectors); })
          if (last) epilogue.ahead(m, n, rows, vectors);
        const Left from = {A.a + m * A.row + k * A.step, A.row, A.step};
        (A.row == 1 ? pick_tile<true>(rows, vectors) : pick_tile<false>(rows, vectors))(
            from, B + k * ldb + n, ldb, last ? K - k : depth, block, k > 0);
        if (last) epilogue(m, n, rows, vectors, block);
        m += rows;
        if (sums) block += rows * vectors;
      }
    }
  }
}

// The same over some k, in their order.
template <int M, int V>
static void tile_of(Left A, const float* B, long ldb, const std::int32_t* places, int count, vec* out) {
  vec acc[M][V] = {};
  for (int t = 0; t < count; t++) {
    const long k = places[t];
    const float *a = A.a + k, *row_of_B = B + k * ldb;
    vec b[V];
#pragma GCC unroll 8
    for (int j = 0; j < V; j++) b[j] = load(row_of_B + W * j);
#pragma GCC unroll 8
    for (int i = 0; i < M; i++)
#pragma GCC unroll 8
      for (int j = 0; j < V; j++) acc[i][j] += a[i * A.row] * b[j];
  }
#pragma GCC unroll 8
  for (int i = 0; i < M; i++)
#pragma GCC unroll 8
    for (int j = 0; j < V; j++) out[i * V + j] = acc[i][j];
}

using TileOf = void (*)(Left A, const float* B, long ldb, const std::int32_t* places, int count, vec* out);

template <int V, int... m>
static inline TileOf pick_rows_of(int rows, std::integer_sequence<int, m...>) {
  static constexpr TileOf tiles[] = {tile_of<m + 1, V>...};
  return tiles[rows - 1];
}
static inline TileOf pick_tile_of(int rows, int vectors) {
  if constexpr (TILE_VECTORS == 4) {
    if (vectors == 4) return pick_rows_of<4>(rows, std::make_integer_sequence<int, tile_rows(4)>{});
    if (vectors == 3) return pick_rows_of<3>(rows, std::make_integer_sequence<int, tile_rows(3)>{});
  }
  if (vectors == 2) return pick_rows_of<2>(rows, std::make_integer_sequence<int, tile_rows(2)>{});
  return pick_rows_of<1>(rows, std::make_integer_sequence<int, tile_rows(1)>{});
}

// Rows that are looked at together at most for what is zero in all of them.
constexpr int MOST_ALIKE = 24;

// The product where `alike` rows at a time, from row 0 of all on, are zero in nearly the same places, as copies of a
// row behind a rectifier: terms that are zero in all of them are left out, which changes no bit of a sum. Rows [from,
// to); `terms`: room for K integers, which are left.
template <class Epilogue>
static void product_of_alike(int from, int to, int alike, int N, int K, Left A, const float* B, long ldb,
                             std::int32_t* terms, const Epilogue& epilogue) {
  alignas(64) vec block[MOST_ALIKE * TILE_VECTORS];
  const int group = alike < MOST_ALIKE ? alike : MOST_ALIKE;
  for (int m = from, end = 0; m < to; m = end) {
    end = (m / group + 1) * group < to ? (m / group + 1) * group : to;
    int count = 0;
    for (int k = 0; k < K; k += W) {
      alignas(64) std::int32_t bits[W];
      ivec all_bits = {};
      for (int i = m; i < end; i++) all_bits |= as_int(load(A.a + i * A.row + k));
      *reinterpret_cast<ivec*>(bits) = all_bits;
      for (int i = 0; i < W && k + i < K; i++) terms[count] = k + i, count += bits[i] != 0;
    }
    for (int n = 0; n < N; n += W * TILE_VECTORS) {
      const int vectors = (N - n) / W < TILE_VECTORS ? (N - n) / W : TILE_VECTORS, most = tile_rows(vectors);
      const int rows = end - m, blocks = (rows + most - 1) / most;
      for (int i = 0; i < blocks; i++) {
        const int first = rows * i / blocks, height = rows * (i + 1) / blocks - first;
        pick_tile_of(height, vectors)({A.a + (m + first) * A.row, A.row, A.step}, B + n, ldb, terms, count,
                                      block + first * vectors);
      }
      epilogue(m, n, rows, vectors, block);
    }
  }
}

}  // namespace tabgrad::TABGRAD_ISA
