// Losses and metrics, with the formulas of src/tabgrad/losses.py and metrics.py, W rows at a time: one row a lane.
//
// A loss is one function (rows, error) -> l of each row and one line in the table; beside the value it writes the
// derivative, times the row's share w / B of the batch's mean. Where the network's output is z and the loss's link lies
// between z and p, the derivative is that of both together.
#pragma once

#include "lanes.hpp"
#include "program.hpp"
#include "vector.hpp"

namespace tabgrad::TABGRAD_ISA {

struct Scored {
  int outputs;
  bool logits;     // `out` is z, and the loss leaves p in `linked`
  const vec* out;  // the network's output, a vector an output
  vec* linked;
  const vec* y;           // the target, or null
  ivec label;             // the target's class where y is null
  const double* numbers;  // of the record
  vec share;              // w / B

  vec target(int j) const { return y ? y[j] : (label == j ? all(1) : vec{}); }
};

static constexpr float SMALLEST_SHARE = 1e-7f;  // Keras's epsilon: probabilities stay within [it, 1 - it]
static inline vec kept_inside(vec p) { return min(max(p, all(SMALLEST_SHARE)), all(1 - SMALLEST_SHARE)); }
static inline ivec inside(vec p) { return (p >= SMALLEST_SHARE) & (p <= 1 - SMALLEST_SHARE); }

// l = mean (y - p)^2
static vec mean_squared_error(const Scored& rows, vec* error) {
  const float mean = 1.0f / static_cast<float>(rows.outputs);
  vec l = {};
  for (int j = 0; j < rows.outputs; j++) {
    const vec difference = rows.out[j] - rows.target(j);
    l += difference * difference;
    if (error) error[j] = 2 * mean * rows.share * difference;
  }
  return l * mean;
}

// numbers: from_logits, label_smoothing. l = mean -(y log p + (1 - y) log(1 - p)) = mean softplus(z) - y z
static vec binary_crossentropy(const Scored& rows, vec* error) {
  const float mean = 1.0f / static_cast<float>(rows.outputs), smoothing = static_cast<float>(rows.numbers[1]);
  vec l = {};
  for (int j = 0; j < rows.outputs; j++) {
    const vec y = rows.target(j) * (1 - smoothing) + 0.5f * smoothing, out = rows.out[j];
    vec slope;
    if (rows.logits) {
      const vec p = rows.linked[j] = sigmoid(out);
      l += softplus(out) - y * out, slope = p - y;
    } else {
      const vec q = kept_inside(out);
      l -= y * log(q) + (1 - y) * log(1 - q);
      slope = inside(out) ? (q - y) / (q * (1 - q)) : vec{};
    }
    if (error) error[j] = mean * rows.share * slope;
  }
  return l * mean;
}

// From z: l = -sum y log softmax(z) = sum y (log sum e^z - z), dl/dz = softmax(z) sum y - y.
// From p: l = -sum y log q, q = p / sum p kept inside, dl/dp_j = (T - y_j / q_j) / sum p, T the sum of y not cut.
static vec crossentropy(const Scored& rows, float smoothing, vec* error) {
  const float spread = smoothing / static_cast<float>(rows.outputs);
  const auto target = [&](int j) { return rows.target(j) * (1 - smoothing) + spread; };
  vec l = {}, mass = {};
  if (rows.logits) {
    vec most;
    const vec log_whole = softmax_of(rows.out, rows.linked, rows.outputs, most);
    for (int j = 0; j < rows.outputs; j++) {
      const vec y = target(j);
      l += y * (log_whole - (rows.out[j] - most)), mass += y;
    }
    for (int j = 0; error && j < rows.outputs; j++) error[j] = rows.share * (rows.linked[j] * mass - target(j));
    return l;
  }
  vec whole = {};
  for (int j = 0; j < rows.outputs; j++) whole += rows.out[j];
  for (int j = 0; j < rows.outputs; j++) {
    const vec q = rows.out[j] / whole, y = target(j);
    l -= y * log(kept_inside(q)), mass += inside(q) ? y : vec{};
  }
  for (int j = 0; error && j < rows.outputs; j++) {
    const vec q = rows.out[j] / whole;
    error[j] = rows.share / whole * (mass - (inside(q) ? target(j) / kept_inside(q) : vec{}));
  }
  return l;
}

// numbers: from_logits, label_smoothing
static vec categorical_crossentropy(const Scored& rows, vec* error) {
  return crossentropy(rows, static_cast<float>(rows.numbers[1]), error);
}
// numbers: from_logits
static vec sparse_categorical_crossentropy(const Scored& rows, vec* error) { return crossentropy(rows, 0, error); }

using Loss = vec (*)(const Scored& rows, vec* error);
struct LossEntry {
  const char* kind;
  Loss loss;
  int from_logits;  // which number of the record says that the output is z; -1: none
};
static constexpr LossEntry LOSSES[] = {
    {"mean_squared_error", mean_squared_error, -1},
    {"binary_crossentropy", binary_crossentropy, 0},
    {"categorical_crossentropy", categorical_crossentropy, 0},
    {"sparse_categorical_crossentropy", sparse_categorical_crossentropy, 0},
};

// The first output with the largest value.
template <class Value>
static inline ivec place_of_largest(int outputs, Value value) {
  vec most = value(0);
  ivec place = {};
  for (int j = 1; j < outputs; j++) {
    const vec v = value(j);
    place = v > most ? ivec{} + j : place;
    most = max(most, v);
  }
  return place;
}
static inline vec share_of(ivec right) { return right ? all(1) : vec{}; }

// numbers: threshold
static vec binary_accuracy(const Scored& rows) {
  const vec threshold = all(static_cast<float>(rows.numbers[0]));
  vec right = {};
  for (int j = 0; j < rows.outputs; j++) right += share_of(share_of(rows.out[j] > threshold) == rows.target(j));
  return right / static_cast<float>(rows.outputs);
}
static vec categorical_accuracy(const Scored& rows) {
  return share_of(place_of_largest(rows.outputs, [&](int j) { return rows.out[j]; }) ==
                  place_of_largest(rows.outputs, [&](int j) { return rows.target(j); }));
}
static vec mean_absolute_error(const Scored& rows) {
  vec total = {};
  for (int j = 0; j < rows.outputs; j++) total += abs(rows.out[j] - rows.target(j));
  return total / static_cast<float>(rows.outputs);
}
static vec squared_error(const Scored& rows) { return mean_squared_error(rows, nullptr); }

using Metric = vec (*)(const Scored& rows);
struct MetricEntry {
  const char* kind;
  Metric metric;
};
static constexpr MetricEntry METRICS[] = {
    {"binary_accuracy", binary_accuracy},
    {"categorical_accuracy", categorical_accuracy},
    {"sparse_categorical_accuracy", categorical_accuracy},  // a label is the place of its target's one
    {"mean_squared_error", squared_error},
    {"mean_absolute_error", mean_absolute_error},
};

}  // namespace tabgrad::TABGRAD_ISA
