// The vector type of an instruction set and the functions on it: GCC and Clang vector extensions, no intrinsics.
//
// Every function is accurate to a few units in the last place of float32 over the range that training meets; the
// contract suite holds them to NumPy.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

namespace tabgrad::TABGRAD_ISA {

// W: floats in a vector. TILE_VECTORS: vectors in a row of the product's register tile, tile_rows its rows: together
// with one vector of B for each column and one broadcast of A they fill the registers.
#if defined(__AVX512F__)
constexpr int W = 16, TILE_VECTORS = 4;
constexpr int tile_rows(int vectors) { return vectors == 4 ? 6 : 8; }
#elif defined(__AVX2__)
constexpr int W = 8, TILE_VECTORS = 2;
constexpr int tile_rows(int vectors) { return vectors == 2 ? 6 : 8; }
#elif defined(__aarch64__)
constexpr int W = 4, TILE_VECTORS = 4;
constexpr int tile_rows(int vectors) { return vectors == 4 ? 6 : 8; }
#else
constexpr int W = 4, TILE_VECTORS = 2;
constexpr int tile_rows(int vectors) { return vectors == 2 ? 6 : 8; }
#endif
constexpr int MOST_TILE_ROWS = 8;

typedef float vec __attribute__((vector_size(4 * W)));
typedef std::int32_t ivec __attribute__((vector_size(4 * W)));
typedef std::uint32_t uvec __attribute__((vector_size(4 * W)));
typedef float loose_vec __attribute__((vector_size(4 * W), aligned(4), may_alias));

// Four floats, wherever they lie.
typedef float four __attribute__((vector_size(16), aligned(4), may_alias));

static inline vec load(const float* p) { return *reinterpret_cast<const vec*>(p); }
static inline vec load_loose(const float* p) { return *reinterpret_cast<const loose_vec*>(p); }
static inline void store(float* p, vec v) { *reinterpret_cast<vec*>(p) = v; }
static inline vec all(float x) { return vec{} + x; }
static inline vec as_float(ivec x) { return reinterpret_cast<vec>(x); }
static inline ivec as_int(vec x) { return reinterpret_cast<ivec>(x); }

static inline ivec lanes() {
  ivec lane;
  for (int i = 0; i < W; i++) lane[i] = i;
  return lane;
}
// True in the first `count` lanes.
static inline ivec first(int count) { return lanes() < count; }

// A NaN in the first argument stays.
static inline vec max(vec a, vec b) { return b > a ? b : a; }
static inline vec min(vec a, vec b) { return b < a ? b : a; }
static inline vec abs(vec x) { return as_float(as_int(x) & 0x7fffffff); }
// Zero and NaN stay.
static inline vec sign_of(vec x) { return x > 0 ? all(1) : (x < 0 ? all(-1) : x); }

// Lanes whose numbers differ in one bit change places.
#if defined(__clang__)
template <int HALF, int... i>
static inline vec swapped(vec v, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(v, v, (i ^ HALF)...);
}
#else
template <int HALF, int... i>
static inline vec swapped(vec v, std::integer_sequence<int, i...>) {
  return __builtin_shuffle(v, ivec{(i ^ HALF)...});
}
#endif
// Sums over lanes by halving: a fixed order, so the same bits everywhere.
template <int HALF = W / 2>
static inline float sum(vec v) {
  v += swapped<HALF>(v, std::make_integer_sequence<int, W>{});
  if constexpr (HALF > 1)
    return sum<HALF / 2>(v);
  else
    return v[0];
}
// e^x = 2^n e^r, n = round(x / log 2), |r| <= log(2) / 2, e^r by its Taylor polynomial of degree 7 (error below 1e-8).
// Kept finite: x is cut to [-87.3, 88.3].
static inline vec exp(vec x) {
  x = x > 88.3f ? all(88.3f) : x;
  x = x < -87.3f ? all(-87.3f) : x;
  const vec shift = all(12582912.0f);  // 1.5 * 2^23: adding it rounds to the nearest integer
  const vec shifted = x * 1.44269504f + shift;
  const vec n = shifted - shift;
  const vec r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  vec p = all(1.0f / 5040);
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const ivec exponent = as_int(shifted) - as_int(shift);
  return as_float(as_int(p) + (exponent << 23));
}

// e^x - 1 without cancellation: Taylor polynomial within log(2) / 2 of zero.
static inline vec expm1(vec x) {
  vec p = all(1.0f / 40320);
  p = p * x + 1.0f / 5040;
  p = p * x + 1.0f / 720;
  p = p * x + 1.0f / 120;
  p = p * x + 1.0f / 24;
  p = p * x + 1.0f / 6;
  p = p * x + 0.5f;
  p = p * x * x + x;
  return abs(x) < 0.35f ? p : exp(x) - 1.0f;
}

// log x for positive normal x: x = 2^n m with sqrt(1/2) <= m < sqrt(2), then with s = (m - 1) / (m + 1)
// log m = 2 (s + s^3/3 + s^5/5 + ...), |s| < 0.172. Infinity and NaN stay what they are.
static inline vec log(vec x) {
  const ivec bits = as_int(x) - 0x3f3504f3;
  const ivec exponent = bits >> 23;
  const vec m = as_float((bits & 0x7fffff) + 0x3f3504f3);
  const vec s = (m - 1.0f) / (m + 1.0f), q = s * s;
  vec p = all(2.0f / 11);
  p = p * q + 2.0f / 9;
  p = p * q + 2.0f / 7;
  p = p * q + 2.0f / 5;
  p = p * q + 2.0f / 3;
  const vec n = __builtin_convertvector(exponent, vec);
  const vec value = n * 0.693359375f + (n * -2.12194440e-4f + (2.0f * s + s * q * p));
  return x < __builtin_inff() ? value : x;
}

// log(1 + u) for u in [0, 1]: the same series, with s = u / (2 + u) taken without forming 1 + u; |s| <= 1/3.
static inline vec log1p(vec u) {
  const vec s = u / (2.0f + u), q = s * s;
  vec p = all(2.0f / 15);
  p = p * q + 2.0f / 13;
  p = p * q + 2.0f / 11;
  p = p * q + 2.0f / 9;
  p = p * q + 2.0f / 7;
  p = p * q + 2.0f / 5;
  p = p * q + 2.0f / 3;
  return 2.0f * s + s * q * p;
}

static inline vec sigmoid(vec x) { return 1.0f / (1.0f + exp(-x)); }
static inline vec softplus(vec x) { return max(x, vec{}) + log1p(exp(-abs(x))); }

// tanh x = (e^2x - 1) / (e^2x + 1)
static inline vec tanh(vec x) {
  const vec cut = x > 9.1f ? all(9.1f) : (x < -9.1f ? all(-9.1f) : x);
  const vec e = expm1(2.0f * cut);
  return e / (e + 2.0f);
}

// The complementary error function of x >= 0, relative error below 1.2e-7 before rounding
// (Press, Teukolsky, Vetterling, Flannery, "Numerical Recipes", erfcc).
static inline vec erfc_positive(vec x) {
  const vec t = 1.0f / (1.0f + 0.5f * x);
  vec p = all(0.17087277f);
  p = p * t - 0.82215223f;
  p = p * t + 1.48851587f;
  p = p * t - 1.13520398f;
  p = p * t + 0.27886807f;
  p = p * t - 0.18628806f;
  p = p * t + 0.09678418f;
  p = p * t + 0.37409196f;
  p = p * t + 1.00002368f;
  p = p * t - 1.26551223f;
  return t * exp(p - x * x);
}
// The normal distribution function.
static inline vec normal_share(vec z) {
  const vec tail = 0.5f * erfc_positive(abs(z) * 0.70710678f);
  return z > 0 ? 1.0f - tail : tail;
}

// 1 / sqrt(x) for positive normal x: a first guess from the bits, then Newton's iterations r <- r (3 - x r^2) / 2, each
// of which doubles the digits; a third of the time of root and division.
static inline vec inverse_root(vec x) {
  vec r = as_float(0x5f375a86 - (as_int(x) >> 1));
  for (int i = 0; i < 3; i++) r = r * (1.5f - 0.5f * x * r * r);
  return r;
}

// cos(2 pi t) for t in [-1/2, 1/2]: folded to a quarter of a turn, then its Taylor polynomial (error below 1e-8).
static inline vec cos_turns(vec t) {
  const vec a = abs(t), folded = a > 0.25f ? 0.5f - a : a, x = folded * 6.28318531f, q = x * x;
  vec p = all(1.0f / 479001600);
  p = p * q - 1.0f / 3628800;
  p = p * q + 1.0f / 40320;
  p = p * q - 1.0f / 720;
  p = p * q + 1.0f / 24;
  p = p * q - 0.5f;
  p = p * q + 1.0f;
  return a > 0.25f ? -p : p;
}

// sin(2 pi t) for t in [-1/2, 1/2], in the same way (error below 1e-9).
static inline vec sin_turns(vec t) {
  const vec a = abs(t), folded = a > 0.25f ? 0.5f - a : a, x = folded * 6.28318531f, q = x * x;
  vec p = all(1.0f / 6227020800);
  p = p * q - 1.0f / 39916800;
  p = p * q + 1.0f / 362880;
  p = p * q - 1.0f / 5040;
  p = p * q + 1.0f / 120;
  p = p * q - 1.0f / 6;
  p = p * q * x + x;
  return t < 0 ? -p : p;
}

// The W x W block of rows r, transposed in place: at each stage lanes that differ from their row in one bit change
// places.
#if defined(__clang__)
template <int HALF, int... i>
static inline void exchange(vec& a, vec& b, std::integer_sequence<int, i...>) {
  const vec low = __builtin_shufflevector(a, b, (i & HALF ? W + i - HALF : i)...);
  b = __builtin_shufflevector(a, b, (i & HALF ? W + i : i + HALF)...);
  a = low;
}
#else
template <int HALF, int... i>
static inline void exchange(vec& a, vec& b, std::integer_sequence<int, i...>) {
  const vec low = __builtin_shuffle(a, b, ivec{(i & HALF ? W + i - HALF : i)...});
  b = __builtin_shuffle(a, b, ivec{(i & HALF ? W + i : i + HALF)...});
  a = low;
}
#endif
template <int HALF = W / 2>
static inline void transpose(vec (&r)[W]) {
  for (int i = 0; i < W; i++)
    if (!(i & HALF)) exchange<HALF>(r[i], r[i + HALF], std::make_integer_sequence<int, W>{});
  if constexpr (HALF > 1) transpose<HALF / 2>(r);
}

// Whether two names are the same (std::string would be shared between instruction sets).
static inline bool same(const char* a, const char* b) { return std::strcmp(a, b) == 0; }

static inline int padded(int columns) { return (columns + W - 1) / W * W; }

}  // namespace tabgrad::TABGRAD_ISA
