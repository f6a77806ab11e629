// Losses and metrics of one row, with the formulas of src/tabgrad/losses.py and metrics.py.
//
// A loss is one function (row, error) -> l and one line in the table; it writes its derivative, times the row's share
// w / B of the batch's mean, beside the value. Where the network's output is z and the loss's link lies between z and p
// (`row.z` is given), the derivative is that of both together.
#pragma once

#include "program.hpp"
#include "vector.hpp"

namespace tabgrad::TABGRAD_ISA {

struct Row {
  int outputs, vectors;
  const float* z;         // the link's input, or null
  const float* p;         // the network's output
  const float* y;         // the target, padded with zeros, or null
  std::int64_t label;     // the target's class where y is null
  const double* numbers;  // of the loss's record
  float share;            // w / B

  ivec valid(int j) const { return first(outputs - W * j); }
  vec target(int j) const {
    if (y) return load(y + W * j);
    return lanes() + W * j == static_cast<std::int32_t>(label) ? all(1) : vec{};
  }
};

static constexpr float SMALLEST_SHARE = 1e-7f;  // Keras's epsilon: probabilities stay within [it, 1 - it]
static inline vec kept_inside(vec p) { return min(max(p, all(SMALLEST_SHARE)), all(1 - SMALLEST_SHARE)); }
static inline ivec inside(vec p) { return (p >= SMALLEST_SHARE) & (p <= 1 - SMALLEST_SHARE); }

// l = mean (y - p)^2
static float mean_squared_error(const Row& row, float* error) {
  vec total = {};
  const float mean = 1.0f / static_cast<float>(row.outputs);
  for (int j = 0; j < row.vectors; j++) {
    const vec difference = row.valid(j) ? load(row.p + W * j) - row.target(j) : vec{};
    total += difference * difference;
    if (error) store(error + W * j, 2 * mean * row.share * difference);
  }
  return sum(total) * mean;
}

// numbers: from_logits, label_smoothing. l = mean -(y log p + (1 - y) log(1 - p)) = mean softplus(z) - y z
static float binary_crossentropy(const Row& row, float* error) {
  const float mean = 1.0f / static_cast<float>(row.outputs), smoothing = static_cast<float>(row.numbers[1]);
  vec total = {};
  for (int j = 0; j < row.vectors; j++) {
    const vec y = row.target(j) * (1 - smoothing) + 0.5f * smoothing;
    vec l, slope;
    if (row.z) {
      const vec z = load(row.z + W * j);
      l = softplus(z) - y * z, slope = sigmoid(z) - y;
    } else {
      const vec p = load(row.p + W * j), q = kept_inside(p);
      l = -(y * log(q) + (1 - y) * log(1 - q));
      slope = inside(p) ? (q - y) / (q * (1 - q)) : vec{};
    }
    total += row.valid(j) ? l : vec{};
    if (error) store(error + W * j, row.valid(j) ? mean * row.share * slope : vec{});
  }
  return sum(total) * mean;
}

// l = -sum y log softmax(z) = sum y (log sum e^z - z); dl/dz = softmax(z) sum y - y
static float crossentropy_of_logits(const Row& row, float smoothing, float* error) {
  const float spread = smoothing / static_cast<float>(row.outputs);
  vec top = all(-3.4e38f);
  for (int j = 0; j < row.vectors; j++) top = max(row.valid(j) ? load(row.z + W * j) : top, top);
  const float most = maximum(top);
  vec grown = {}, mass = {}, crossed = {};
  for (int j = 0; j < row.vectors; j++) {
    const vec z = load(row.z + W * j) - most, e = row.valid(j) ? exp(z) : vec{};
    const vec y = row.valid(j) ? row.target(j) * (1 - smoothing) + spread : vec{};
    grown += e, mass += y, crossed += row.valid(j) ? y * z : vec{};
    if (error) store(error + W * j, e);
  }
  const float whole = sum(grown), weight = sum(mass);
  if (error)
    for (int j = 0; j < row.vectors; j++) {
      const vec y = row.valid(j) ? row.target(j) * (1 - smoothing) + spread : vec{};
      store(error + W * j, row.share * (load(error + W * j) * (weight / whole) - y));
    }
  return weight * log(all(whole))[0] - sum(crossed);
}

// l = -sum y log q, q = p / sum p kept inside; dl/dp_j = (T - y_j / q_j) / sum p, T = sum of y where q was not cut
static float crossentropy_of_shares(const Row& row, float smoothing, float* error) {
  const float spread = smoothing / static_cast<float>(row.outputs);
  vec all_p = {}, l = {}, kept = {};
  for (int j = 0; j < row.vectors; j++) all_p += row.valid(j) ? load(row.p + W * j) : vec{};
  const float whole = sum(all_p);
  for (int j = 0; j < row.vectors; j++) {
    const vec share = load(row.p + W * j) / whole;
    const vec y = row.valid(j) ? row.target(j) * (1 - smoothing) + spread : vec{};
    l -= row.valid(j) ? y * log(kept_inside(share)) : vec{};
    kept += row.valid(j) & inside(share) ? y : vec{};
  }
  const float total = sum(kept);
  if (error)
    for (int j = 0; j < row.vectors; j++) {
      const vec share = load(row.p + W * j) / whole, q = kept_inside(share);
      const vec y = row.target(j) * (1 - smoothing) + spread;
      const vec slope = total - (inside(share) ? y / q : vec{});
      store(error + W * j, row.valid(j) ? slope * (row.share / whole) : vec{});
    }
  return sum(l);
}

// numbers: from_logits, label_smoothing
static float categorical_crossentropy(const Row& row, float* error) {
  const float smoothing = static_cast<float>(row.numbers[1]);
  return row.z ? crossentropy_of_logits(row, smoothing, error) : crossentropy_of_shares(row, smoothing, error);
}

// numbers: from_logits
static float sparse_categorical_crossentropy(const Row& row, float* error) {
  return row.z ? crossentropy_of_logits(row, 0, error) : crossentropy_of_shares(row, 0, error);
}

using Loss = float (*)(const Row& row, float* error);
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

static inline int place_of_largest(const float* values, int count) {
  int place = 0;
  for (int j = 1; j < count; j++) place = values[j] > values[place] ? j : place;
  return place;
}

// numbers: threshold
static double binary_accuracy(const Row& row) {
  int right = 0;
  for (int j = 0; j < row.outputs; j++) {
    const float y = row.y ? row.y[j] : static_cast<float>(row.label == j);
    right += (row.p[j] > static_cast<float>(row.numbers[0])) == (y == 1) && (y == 0 || y == 1);
  }
  return static_cast<double>(right) / row.outputs;
}
static double categorical_accuracy(const Row& row) {
  return place_of_largest(row.p, row.outputs) == place_of_largest(row.y, row.outputs);
}
static double sparse_categorical_accuracy(const Row& row) { return place_of_largest(row.p, row.outputs) == row.label; }
static double squared_error(const Row& row) { return static_cast<double>(mean_squared_error(row, nullptr)); }
static double mean_absolute_error(const Row& row) {
  vec total = {};
  for (int j = 0; j < row.vectors; j++) total += row.valid(j) ? abs(load(row.p + W * j) - row.target(j)) : vec{};
  return static_cast<double>(sum(total)) / row.outputs;
}

using Metric = double (*)(const Row& row);
struct MetricEntry {
  const char* kind;
  Metric metric;
};
static constexpr MetricEntry METRICS[] = {
    {"binary_accuracy", binary_accuracy},
    {"categorical_accuracy", categorical_accuracy},
    {"sparse_categorical_accuracy", sparse_categorical_accuracy},
    {"mean_squared_error", squared_error},
    {"mean_absolute_error", mean_absolute_error},
};

}  // namespace tabgrad::TABGRAD_ISA
