// Counted randomness: the same functions as src/tabgrad/_seeds.py, which says what they are.
#pragma once

#include "vector.hpp"

namespace tabgrad::TABGRAD_ISA {

enum Stream : std::uint64_t { SHUFFLE = 2, DROPOUT = 3, NOISE = 6 };

static inline std::uint64_t mix(std::uint64_t z) {
  z += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// Fisher and Yates's shuffle of so many places, or of 0 ... count - 1, under the key of (seed, epoch).
static inline void shuffle(std::uint32_t* order, const std::uint32_t* places, std::int64_t count, std::uint64_t seed,
                           std::uint64_t epoch) {
  const std::uint64_t key = mix(mix(mix(seed) ^ SHUFFLE) ^ epoch);
  for (std::int64_t i = 0; i < count; i++) order[i] = places ? places[i] : static_cast<std::uint32_t>(i);
  for (std::int64_t i = count - 1; i > 0; i--) {
    const std::uint64_t partner =
        ((mix(key ^ static_cast<std::uint64_t>(i)) >> 32) * static_cast<std::uint64_t>(i + 1)) >> 32;
    const std::uint32_t other = order[partner];
    order[partner] = order[i];
    order[i] = other;
  }
}

// 32 bits of each position, W at a time, under a key of 64.
struct Hash {
  std::uint32_t low = 0, high = 0;
  void set(std::uint64_t key) { low = static_cast<std::uint32_t>(key), high = static_cast<std::uint32_t>(key >> 32); }
  uvec operator()(std::uint32_t position) const {
    uvec x = (reinterpret_cast<uvec>(lanes()) + position) ^ low;
    x ^= x >> 16;
    x *= 0x21F0AAADu;
    x ^= x >> 15;
    x += high;
    x *= 0xD35A2D97u;
    x ^= x >> 15;
    return x;
  }
};
static inline std::uint64_t key_of(std::uint64_t seed, Stream stream, std::uint64_t step, std::uint64_t layer) {
  return mix(mix(mix(mix(seed) ^ stream) ^ step) ^ layer);
}

// The mask of a dropout layer in a step: `kept` of a position is all ones in the lanes of units that stay.
struct Dropout {
  float scale = 1;
  std::uint32_t threshold = 0;
  Hash bits;

  void set_rate(float rate) {
    const double units = std::nearbyint(static_cast<double>(rate) * 4294967296.0);
    threshold = units > 4294967295.0 ? 4294967295u : units > 0 ? static_cast<std::uint32_t>(units) : 0;
    scale = 1.0f / (1.0f - rate);
  }
  void begin_step(std::uint64_t seed, std::uint64_t step, std::uint64_t layer) {
    bits.set(key_of(seed, DROPOUT, step, layer));
  }
  ivec kept(std::uint32_t position) const { return bits(position) >= threshold; }
  vec apply(vec v, ivec kept) const { return kept ? v * scale : vec{}; }
};

// Numbers from the standard normal distribution: sqrt(-2 log u) cos(2 pi t).
struct Normals {
  Hash of_u, of_t;

  void begin_step(std::uint64_t seed, std::uint64_t step, std::uint64_t layer) {
    const std::uint64_t key = key_of(seed, NOISE, step, layer);
    of_u.set(key), of_t.set(mix(key));
  }
  vec at(std::uint32_t position) const {
    const vec u = (__builtin_convertvector(reinterpret_cast<ivec>(of_u(position) >> 9), vec) + 0.5f) * 0x1p-23f;
    const vec t = __builtin_convertvector(reinterpret_cast<ivec>(of_t(position)) >> 8, vec) * 0x1p-24f;
    const vec square = -2.0f * log(u);
    return square * inverse_root(square) * cos_turns(t);
  }
};

static inline Dropout dropout_of_rate(float rate) {
  Dropout dropout;
  dropout.set_rate(rate);
  return dropout;
}

}  // namespace tabgrad::TABGRAD_ISA
