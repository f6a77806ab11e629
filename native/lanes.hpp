// Rows laid across lanes: W rows become a vector for each unit, so that what ties the units of a row together (softmax,
// losses, accuracy) runs over vectors and never across one.
#pragma once

#include "memory.hpp"
#include "vector.hpp"

namespace tabgrad::TABGRAD_ISA {

// Where few numbers move, one at a time is faster than blocks of W x W.
static inline bool few(int rows, int units) { return rows * units < 2 * W; }

// `rows` (at most W) rows of padded memory to a vector for each unit.
static inline void rows_to_lanes(const float* from, long ld, int rows, int units, vec* to) {
  if (rows == 1) {  // in every lane: a lane that is written alone waits for its vector
    for (int j = 0; j < units; j++) to[j] = all(from[j]);
    return;
  }
  if (few(rows, units)) {
    for (int j = 0; j < units; j++) {
      vec v = {};
      for (int i = 0; i < rows; i++) v[i] = from[i * ld + j];
      to[j] = v;
    }
    return;
  }
  for (int n = 0; n < units; n += W) {
    vec block[W];
    for (int i = 0; i < W; i++) block[i] = i < rows ? load(from + i * ld + n) : vec{};
    transpose(block);
    for (int j = 0; j < W && n + j < units; j++) to[n + j] = block[j];
  }
}

// And back; what lies beyond the units becomes zero.
static inline void lanes_to_rows(const vec* from, int rows, int units, float* to, long ld) {
  if (few(rows, units)) {
    for (int j = 0; j < units; j++)
      for (int i = 0; i < rows; i++) to[i * ld + j] = from[j][i];
    return;
  }
  for (int n = 0; n < units; n += W) {
    vec block[W];
    for (int j = 0; j < W; j++) block[j] = n + j < units ? from[n + j] : vec{};
    transpose(block);
    for (int i = 0; i < rows; i++) store(to + i * ld + n, block[i]);
  }
}

// Both for units that begin anywhere in a row, and end before others that must stay as they are.
static inline void loose_rows_to_lanes(const float* from, long ld, int rows, int units, vec* to) {
  for (int n = 0; n < units; n += W) {
    vec block[W];
    const int left = units - n < W ? units - n : W;
    for (int i = 0; i < W; i++) block[i] = i < rows ? load_loose(from + i * ld + n) : vec{};
    transpose(block);
    for (int j = 0; j < left; j++) to[n + j] = block[j];
  }
}
static inline void lanes_to_loose_rows(const vec* from, int rows, int units, float* to, long ld) {
  for (int n = 0; n < units; n += W) {
    vec block[W];
    const int left = units - n < W ? units - n : W;
    for (int j = 0; j < W; j++) block[j] = j < left ? from[n + j] : vec{};
    transpose(block);
    for (int i = 0; i < rows; i++)
      if (left == W)
        reinterpret_cast<loose_vec*>(to + i * ld + n)[0] = block[i];
      else
        std::memcpy(to + i * ld + n, &block[i], static_cast<std::size_t>(left) * sizeof(float));
  }
}

// p_j = e^(z_j) / sum e^z; returns log sum e^(z - most), `most` being the largest z.
static inline vec softmax_of(const vec* z, vec* p, int units, vec& most) {
  vec whole = {};
  most = z[0];
  for (int j = 1; j < units; j++) most = max(most, z[j]);
  for (int j = 0; j < units; j++) whole += p[j] = exp(z[j] - most);
  const vec scale = 1 / whole;
  for (int j = 0; j < units; j++) p[j] *= scale;
  return log(whole);
}

// Vectors for a batch: for each W rows one for each unit.
class Lanes {
 public:
  bool reserve(long rows, int units) {
    units_ = units;
    return data_.reserve(static_cast<std::size_t>((rows + W - 1) / W) * static_cast<std::size_t>(units) * W);
  }
  vec* at(long row) const { return reinterpret_cast<vec*>(data_.data()) + row / W * units_; }

 private:
  Floats data_;
  long units_ = 0;
};

}  // namespace tabgrad::TABGRAD_ISA
