// The product C = A B with an epilogue: the one kernel that matters.
//
// A register tile of C is summed over k, then its finished vectors go to a function while they are hot: going forward
// it adds the bias, applies the activation and drops units; going backward it multiplies by a slope, or takes the
// optimizer's step. Each element is summed in the order of k by fused multiply-adds, whatever the tile: the same bits
// for any number of rows and threads.
#pragma once

#include "team.hpp"
#include "vector.hpp"

namespace tabgrad::TABGRAD_ISA {

// A(m, k) = a[m * row + k * step]: rows of a matrix, or, transposed, its columns.
struct Left {
  const float* a;
  long row, step;
};

using Tile = void (*)(Left A, const float* B, long ldb, int K, vec* out);

// M x V vectors of the product. CONTIGUOUS: the rows of A follow each other in memory (A is a transposed matrix).
template <int M, int V, bool CONTIGUOUS>
static void tile(Left A, const float* B, long ldb, int K, vec* out) {
  vec acc[M][V] = {};
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
static constexpr Tile pick_rows(int rows, std::integer_sequence<int, m...>) {
  constexpr Tile tiles[] = {tile<m + 1, V, CONTIGUOUS>...};
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

// Below this many multiply-adds a product is not worth a second thread: a few microseconds.
constexpr double WORTH_SHARING = 4e5;

// Calls epilogue(m, n, rows, vectors, block) for each finished tile at row m and column n of C; N counts padded
// columns.
template <class Epilogue>
struct Product {
  int M, N, K;
  Left A;
  const float* B;
  long ldb;
  Epilogue epilogue;
  int row_blocks = 0, chunks = 1;

  // Rows of one panel of columns, cut evenly into blocks of at most the tile's height.
  void panel(int n, int chunk) const {
    const int vectors = (N - n) / W < TILE_VECTORS ? (N - n) / W : TILE_VECTORS;
    const int most = tile_rows(vectors), blocks = (M + most - 1) / most;
    const bool contiguous = A.row == 1;
    alignas(64) vec block[MOST_TILE_ROWS * TILE_VECTORS];
    for (int i = blocks * chunk / chunks; i < blocks * (chunk + 1) / chunks; i++) {
      const int m = static_cast<int>(static_cast<long>(M) * i / blocks);
      const int rows = static_cast<int>(static_cast<long>(M) * (i + 1) / blocks) - m;
      const Left from = {A.a + m * A.row, A.row, A.step};
      (contiguous ? pick_tile<true>(rows, vectors) : pick_tile<false>(rows, vectors))(from, B + n, ldb, K, block);
      epilogue(m, n, rows, vectors, block);
    }
  }
  static void task(void* job, int number) {
    const auto& self = *static_cast<const Product*>(job);
    self.panel(number / self.chunks * W * TILE_VECTORS, number % self.chunks);
  }
  void run(Team* team) {
    const int panels = (N + W * TILE_VECTORS - 1) / (W * TILE_VECTORS);
    if (team && static_cast<double>(M) * N * K > WORTH_SHARING) {
      const int wanted = 4 * team->threads(), blocks = (M + tile_rows(TILE_VECTORS) - 1) / tile_rows(TILE_VECTORS);
      chunks = (wanted + panels - 1) / panels;
      chunks = chunks < blocks ? chunks : blocks;
      team->share(panels * chunks, task, this);
    } else {
      for (int p = 0; p < panels; p++) panel(p * W * TILE_VECTORS, 0);
    }
  }
};

template <class Epilogue>
static void product(Team* team, int M, int N, int K, Left A, const float* B, long ldb, Epilogue epilogue) {
  Product<Epilogue>{M, N, K, A, B, ldb, epilogue}.run(team);
}

// Rows that are independent of each other, shared out in chunks where there are many.
template <class Body>
[[gnu::always_inline]] static inline void each_chunk(Team* team, int rows, double work, const Body& body) {
  struct Chunks {
    int rows, chunks;
    const Body& body;
    static void task(void* job, int chunk) {
      const auto& self = *static_cast<const Chunks*>(job);
      const long rows = self.rows;
      self.body(static_cast<int>(rows * chunk / self.chunks), static_cast<int>(rows * (chunk + 1) / self.chunks));
    }
  };
  if (team && work > WORTH_SHARING && rows > 1) {
    Chunks chunks{rows, rows < 4 * team->threads() ? rows : 4 * team->threads(), body};
    team->share(chunks.chunks, Chunks::task, &chunks);
  } else {
    body(0, rows);
  }
}

}  // namespace tabgrad::TABGRAD_ISA
