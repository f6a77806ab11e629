// Activations: value and slope of f(z) together, with the formulas of src/tabgrad/activations.py.
//
// An elementwise activation is one function (z, numbers, slope) -> value and one line in the table. The slope f'(z) is
// kept, so that going backward is one multiplication for all of them, dropout included. Softmax, which ties the units
// of a row together, is a layer of its own in layers.hpp.
#pragma once

#include "random.hpp"
#include "vector.hpp"

namespace tabgrad::TABGRAD_ISA {

static inline vec linear(vec z, const float*, vec& slope) {
  slope = all(1);
  return z;
}

// numbers: negative_slope, max_value (NaN: none), threshold
static inline vec relu(vec z, const float* numbers, vec& slope) {
  const float negative = numbers[0], top = numbers[1], threshold = numbers[2];
  slope = z > threshold ? all(1) : all(negative);
  vec value = z > threshold ? z : negative * (z - threshold) + 0.0f;  // + 0: no negative zero
  if (top == top) {
    slope = z >= top ? vec{} : slope;
    value = z >= top ? all(top) : value;
  }
  return value;
}

// numbers: negative_slope
static inline vec leaky_relu(vec z, const float* numbers, vec& slope) {
  slope = z > 0 ? all(1) : all(numbers[0]);
  return z * slope;
}

// numbers: alpha
static inline vec elu(vec z, const float* numbers, vec& slope) {
  const vec e = numbers[0] * expm1(min(z, vec{}));
  slope = z > 0 ? all(1) : e + numbers[0];
  return z > 0 ? z : e;
}

static inline vec selu(vec z, const float*, vec& slope) {
  const float alpha = 1.67326324f, scale = 1.05070098f;
  const vec e = scale * alpha * expm1(min(z, vec{}));
  slope = z > 0 ? all(scale) : e + scale * alpha;
  return z > 0 ? scale * z : e;
}

// numbers: approximate
static inline vec gelu(vec z, const float* numbers, vec& slope) {
  if (numbers[0] != 0) {
    const float c = 0.79788456f;  // sqrt(2 / pi)
    const vec t = tanh(c * (z + 0.044715f * z * z * z));
    slope = 0.5f * (1 + t) + 0.5f * z * (1 - t * t) * c * (1 + 3 * 0.044715f * z * z);
    return 0.5f * z * (1 + t);
  }
  const vec share = normal_share(z);
  slope = share + z * 0.39894228f * exp(-0.5f * z * z);  // 1 / sqrt(2 pi)
  return z * share;
}

static inline vec silu(vec z, const float*, vec& slope) {
  const vec s = sigmoid(z);
  slope = s * (1 + z * (1 - s));
  return z * s;
}

// tanh(softplus(z)) = n / (n + 2) with n = e^z (e^z + 2)
static inline vec mish(vec z, const float*, vec& slope) {
  const vec e = exp(min(z, all(20)));
  const vec n = e * (e + 2), t = n / (n + 2);
  slope = t + z * (1 - t * t) * sigmoid(z);
  return z * t;
}

static inline vec tanh(vec z, const float*, vec& slope) {
  const vec t = tanh(z);
  slope = 1 - t * t;
  return t;
}

static inline vec sigmoid(vec z, const float*, vec& slope) {
  const vec s = sigmoid(z);
  slope = s * (1 - s);
  return s;
}

static inline vec softplus(vec z, const float*, vec& slope) {
  slope = sigmoid(z);
  return softplus(z);
}

constexpr int MOST_OF_FUNCTION = 3;  // numbers of a function

// What comes at the end of a layer: bias, f, dropout.
struct Finish {
  const float* numbers = nullptr;
  const float* bias = nullptr;       // null: none
  const Dropout* dropout = nullptr;  // null: none
};
// A block of weighted sums, rows x vectors from column n on, its rows stored `ld` apart; `slope` is null outside of
// training. A unit's mask is counted by its position: the block's first row is at `position`, a row has `units`.
using FinishBlock = void (*)(const Finish& finish, const vec* z, int rows, int vectors, int n, std::uint32_t position,
                             int units, float* value, float* slope, long ld);

template <vec (*f)(vec, const float*, vec&)>
static void finish_block_of(const Finish& finish, const vec* z, int rows, int vectors, int n, std::uint32_t position,
                            int units, float* value, float* slope, long ld) {
  if (!slope) {                       // nothing is learned from it, and nothing dropped
    float numbers[MOST_OF_FUNCTION];  // a copy that no store can be taken to change
    std::memcpy(numbers, finish.numbers, sizeof numbers);
    for (int j = 0; j < vectors; j++) {
      const float* const bias = finish.bias ? finish.bias + n + W * j : nullptr;
      const auto each = [&](const auto& shifted) __attribute__((always_inline)) {
        vec s;
        for (int i = 0; i < rows; i++) store(value + i * ld + W * j, f(shifted(z[i * vectors + j]), numbers, s));
      };
      if (bias)
        each([b = load(bias)](vec v) { return v + b; });
      else
        each([](vec v) { return v; });
    }
    return;
  }
  position += static_cast<std::uint32_t>(n);
  for (int i = 0; i < rows; i++, position += static_cast<std::uint32_t>(units), value += ld, slope += slope ? ld : 0)
    for (int j = 0; j < vectors; j++) {
      vec s, v = z[i * vectors + j];
      if (finish.bias) v += load(finish.bias + n + W * j);
      v = f(v, finish.numbers, s);
      if (slope && finish.dropout) {
        const ivec kept = finish.dropout->kept(position + static_cast<std::uint32_t>(W * j));
        v = finish.dropout->apply(v, kept), s = finish.dropout->apply(s, kept);
      }
      store(value + W * j, v);
      if (slope) store(slope + W * j, s);
    }
}

struct ActivationEntry {
  const char* kind;
  FinishBlock finish;
};
static constexpr ActivationEntry ACTIVATIONS[] = {
    {"linear", finish_block_of<linear>},
    {"relu", finish_block_of<relu>},
    {"leaky_relu", finish_block_of<leaky_relu>},
    {"elu", finish_block_of<elu>},
    {"selu", finish_block_of<selu>},
    {"gelu", finish_block_of<gelu>},
    {"silu", finish_block_of<silu>},
    {"mish", finish_block_of<mish>},
    {"tanh", finish_block_of<tanh>},
    {"sigmoid", finish_block_of<sigmoid>},
    {"softplus", finish_block_of<softplus>},
};

}  // namespace tabgrad::TABGRAD_ISA
