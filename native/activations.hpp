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
  vec value = z > threshold ? z : negative * (z - threshold);
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

// What comes after a product is finished, or stands alone: a run of vectors of one row through f, and through dropout.
// `slope` is null outside of training.
struct Finish {
  const float* numbers = nullptr;
  const float* bias = nullptr;       // null: none
  const Dropout* dropout = nullptr;  // null: none
};
using FinishRow = void (*)(const Finish& finish, const vec* in, int vectors, int column, std::uint32_t position,
                           float* value, float* slope);

template <vec (*f)(vec, const float*, vec&)>
static void finish_row(const Finish& finish, const vec* in, int vectors, int column, std::uint32_t position,
                       float* value, float* slope) {
  for (int j = 0; j < vectors; j++) {
    vec z = in[j], s;
    if (finish.bias) z += load(finish.bias + column + W * j);
    vec v = f(z, finish.numbers, s);
    if (slope && finish.dropout) {
      const ivec kept = finish.dropout->kept(position + W * j);
      v = finish.dropout->apply(v, kept), s = finish.dropout->apply(s, kept);
    }
    store(value + W * j, v);
    if (slope) store(slope + W * j, s);
  }
}

struct ActivationEntry {
  const char* kind;
  FinishRow finish;
};
static constexpr ActivationEntry ACTIVATIONS[] = {
    {"linear", finish_row<linear>},   {"relu", finish_row<relu>},         {"leaky_relu", finish_row<leaky_relu>},
    {"elu", finish_row<elu>},         {"selu", finish_row<selu>},         {"gelu", finish_row<gelu>},
    {"silu", finish_row<silu>},       {"mish", finish_row<mish>},         {"tanh", finish_row<tanh>},
    {"sigmoid", finish_row<sigmoid>}, {"softplus", finish_row<softplus>},
};

}  // namespace tabgrad::TABGRAD_ISA
