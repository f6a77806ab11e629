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
  const vec* y;          // the target, or null
  ivec label;            // the target's class where y is null
  const PartSpec* part;  // the record
  vec share;             // w / B

  vec target(int j) const { return y ? y[j] : (label == j ? all(1) : vec{}); }
  float number(int i) const { return static_cast<float>(part->numbers[i]); }
};

static constexpr float SMALLEST_SHARE = 1e-7f;  // Keras's epsilon: probabilities stay within [it, 1 - it]
static inline vec kept_inside(vec p) { return min(max(p, all(SMALLEST_SHARE)), all(1 - SMALLEST_SHARE)); }
static inline ivec inside(vec p) { return (p >= SMALLEST_SHARE) & (p <= 1 - SMALLEST_SHARE); }
// [x > 0], at the kink 1/2.
static inline vec above_zero(vec x) { return 0.5f * (1 + sign_of(x)); }
// Of what should be positive and may not be: then NaN, which ends the run.
static inline vec log_of(vec x) { return x > 0 ? log(x) : all(__builtin_nanf("")); }
static inline vec power(vec x, float exponent) { return exp(exponent * log_of(x)); }
static inline vec not_zero(vec x) { return max(abs(x), all(1e-30f)); }  // to take a power of

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

// What each output loses by itself: f(y, p, numbers, slope) is l_j, slope dl_j/dp_j; the row's loss is their mean.
template <vec (*f)(vec y, vec p, const double* numbers, vec& slope)>
static vec mean_of(const Scored& rows, vec* error) {
  const float mean = 1.0f / static_cast<float>(rows.outputs);
  vec l = {};
  for (int j = 0; j < rows.outputs; j++) {
    vec slope;
    l += f(rows.target(j), rows.out[j], rows.part->numbers, slope);
    if (error) error[j] = mean * rows.share * slope;
  }
  return l * mean;
}

// The slope of |y - p|; at p = y, as in Keras, that from below.
static inline vec side_of(vec p, vec y) { return p > y ? all(1) : all(-1); }

static inline vec absolute_error(vec y, vec p, const double*, vec& slope) {
  slope = side_of(p, y);
  return abs(p - y);
}

static inline vec percentage_error(vec y, vec p, const double*, vec& slope) {
  const vec whole = max(abs(y), all(SMALLEST_SHARE));
  slope = 100 * side_of(p, y) / whole;
  return 100 * abs(p - y) / whole;
}

static inline vec logarithmic_error(vec y, vec p, const double*, vec& slope) {
  const vec least = all(SMALLEST_SHARE), difference = log(1 + max(p, least)) - log(1 + max(y, least));
  slope = p > least ? 2 * difference / (1 + p) : vec{};
  return difference * difference;
}

// numbers: delta. d^2 / 2 inside, delta (|d| - delta / 2) outside
static inline vec huber(vec y, vec p, const double* numbers, vec& slope) {
  const vec delta = all(static_cast<float>(numbers[0])), d = p - y;
  slope = max(min(d, delta), -delta);
  return slope * (d - 0.5f * slope);
}

// cosh d = e^|d| (1 + e^(-2|d|)) / 2
static inline vec log_cosh(vec y, vec p, const double*, vec& slope) {
  const vec size = abs(p - y);
  slope = tanh(p - y);
  return size + log1p(exp(-2 * size)) - 0.693147181f;
}

static inline vec poisson(vec y, vec p, const double*, vec& slope) {
  const vec mean = p + SMALLEST_SHARE;
  slope = 1 - y / mean;
  return p - y * log_of(mean);
}

static inline vec gamma_deviance(vec y, vec p, const double*, vec& slope) {
  slope = 2 * (p - y) / (p * p);
  return 2 * (log_of(p / y) + y / p - 1);
}

// numbers: power
static inline vec tweedie_deviance(vec y, vec p, const double* numbers, vec& slope) {
  const float r = static_cast<float>(numbers[0]);
  const vec scale = power(p, -r), own = y > 0 ? power(y, 2 - r) : vec{};
  slope = 2 * (p - y) * scale;
  return 2 * (own / ((1 - r) * (2 - r)) - y * p * scale / (1 - r) + p * p * scale / (2 - r));
}

static inline vec sign_of_class(vec y) { return y == 0 ? all(-1) : y; }

static inline vec hinge(vec y, vec p, const double*, vec& slope) {
  const vec sign = sign_of_class(y), lacking = 1 - sign * p;
  slope = -sign * above_zero(lacking);
  return max(lacking, vec{});
}

static inline vec squared_hinge(vec y, vec p, const double*, vec& slope) {
  const vec sign = sign_of_class(y), lacking = max(1 - sign * p, vec{});
  slope = -2 * sign * lacking;
  return lacking * lacking;
}

// Each output against a quantile of its own, which the record lists.
static vec quantile(const Scored& rows, vec* error) {
  const float mean = 1.0f / static_cast<float>(rows.outputs);
  vec l = {};
  for (int j = 0; j < rows.outputs; j++) {
    const vec difference = rows.out[j] - rows.target(j);
    const vec slope = above_zero(difference) - static_cast<float>(rows.part->listed[j]);
    l += slope * difference;
    if (error) error[j] = mean * rows.share * slope;
  }
  return l * mean;
}

// l = max(1 + n - s, 0), s = sum y p, n = max (1 - y) p; outputs that share the maximum share its slope.
static vec categorical_hinge(const Scored& rows, vec* error) {
  const auto other = [&](int j) { return (1 - rows.target(j)) * rows.out[j]; };
  vec most = other(0), own = {}, sharing = {};
  for (int j = 0; j < rows.outputs; j++) most = max(most, other(j)), own += rows.target(j) * rows.out[j];
  for (int j = 0; j < rows.outputs; j++) sharing += other(j) == most ? all(1) : vec{};
  const vec lacking = 1 + most - own, steep = rows.share * above_zero(lacking);
  for (int j = 0; error && j < rows.outputs; j++) {
    const vec y = rows.target(j);
    error[j] = steep * ((other(j) == most ? (1 - y) / sharing : vec{}) - y);
  }
  return max(lacking, vec{});
}

// l = sum v log(v / u), v and u being y and p kept within [e, 1]
static vec kl_divergence(const Scored& rows, vec* error) {
  const vec least = all(SMALLEST_SHARE);
  vec l = {};
  for (int j = 0; j < rows.outputs; j++) {
    const vec p = rows.out[j], v = min(max(rows.target(j), least), all(1)), u = min(max(p, least), all(1));
    l += v * log(v / u);
    if (error) error[j] = -rows.share * v / u * above_zero(p - least) * above_zero(1 - p);
  }
  return l;
}

// numbers: from_logits, label_smoothing. l = mean -(y log p + (1 - y) log(1 - p)) = mean softplus(z) - y z
static vec binary_crossentropy(const Scored& rows, vec* error) {
  const float mean = 1.0f / static_cast<float>(rows.outputs), smoothing = rows.number(1);
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
  return crossentropy(rows, rows.number(1), error);
}
// numbers: from_logits
static vec sparse_categorical_crossentropy(const Scored& rows, vec* error) { return crossentropy(rows, 0, error); }

// numbers: apply_class_balancing, alpha, gamma, from_logits, label_smoothing.
// l = mean a m^gamma c, c = -(y log p + (1 - y) log(1 - p)), m = |y (1 - p) + (1 - y) p|
static vec binary_focal_crossentropy(const Scored& rows, vec* error) {
  const float mean = 1.0f / static_cast<float>(rows.outputs);
  const float alpha = rows.number(1), gamma = rows.number(2), smoothing = rows.number(4);
  vec l = {};
  for (int j = 0; j < rows.outputs; j++) {
    const vec y = rows.target(j) * (1 - smoothing) + 0.5f * smoothing, out = rows.out[j];
    vec p = out, rest = 1 - out, c, dc, slope = all(1);
    if (rows.logits) {
      p = rows.linked[j] = sigmoid(out), rest = sigmoid(-out), slope = p * rest;
      c = y * softplus(-out) + (1 - y) * softplus(out), dc = p - y;
    } else {
      const vec q = kept_inside(p);
      c = -(y * log(q) + (1 - y) * log(1 - q));
      dc = inside(p) ? (q - y) / (q * (1 - q)) : vec{};
    }
    const vec missing = y * rest + (1 - y) * p, m = not_zero(missing), dm = sign_of(missing) * (1 - 2 * y) * slope;
    const vec weight = power(m, gamma) * (rows.number(0) != 0 ? y * alpha + (1 - y) * (1 - alpha) : all(1));
    l += weight * c;
    if (error) error[j] = mean * rows.share * weight * (dc + gamma / m * dm * c);
  }
  return l * mean;
}

// numbers: alpha (or it is listed), gamma, from_logits, label_smoothing. l = -sum alpha m^gamma y log p, m = 1 - p;
// with h = p dl/dp: dl/dz = h - p sum h, and from p, which are first divided by their sum, (h / p - sum h) / sum.
static vec categorical_focal_crossentropy(const Scored& rows, vec* error) {
  const float gamma = rows.number(1), smoothing = rows.number(3), spread = smoothing / static_cast<float>(rows.outputs);
  const auto weight = [&](int j) {
    const float alpha = rows.part->listed ? static_cast<float>(rows.part->listed[j]) : rows.number(0);
    return alpha * (rows.target(j) * (1 - smoothing) + spread);
  };
  vec l = {}, total = {}, whole = all(1), most = {}, log_whole = {};
  if (rows.logits) log_whole = softmax_of(rows.out, rows.linked, rows.outputs, most);
  for (int j = 0; !rows.logits && j < rows.outputs; j++) whole = (j > 0 ? whole : vec{}) + rows.out[j];
  struct Term {
    vec l, h, p;
  };
  const auto term = [&](int j) {
    const vec log_share = rows.out[j] - most - log_whole, share = rows.out[j] / whole;
    const vec p = rows.logits ? rows.linked[j] : kept_inside(share), log_p = rows.logits ? log_share : log(p);
    const vec m = not_zero(rows.logits ? -expm1(log_share) : 1 - p), focus = weight(j) * power(m, gamma);
    const vec h = focus * (gamma / m * p * log_p - 1);
    return Term{-focus * log_p, rows.logits ? h : (inside(share) ? h : vec{}), p};
  };
  for (int j = 0; j < rows.outputs; j++) {
    const Term own = term(j);
    l += own.l, total += own.h;
  }
  for (int j = 0; error && j < rows.outputs; j++) {
    const Term own = term(j);
    error[j] = rows.share * (rows.logits ? own.h - own.p * total : (own.h / own.p - total) / whole);
  }
  return l;
}

// The user's function is asked about the whole batch at once, by `Trainer::ask`: nothing from here.
static vec function(const Scored&, vec*) { return vec{}; }

using Loss = vec (*)(const Scored& rows, vec* error);
struct LossEntry {
  const char* kind;
  Loss loss;
  int from_logits;  // which number of the record says that the output is z; -1: none
};
static constexpr LossEntry LOSSES[] = {
    {"mean_squared_error", mean_squared_error, -1},
    {"mean_absolute_error", mean_of<absolute_error>, -1},
    {"mean_absolute_percentage_error", mean_of<percentage_error>, -1},
    {"mean_squared_logarithmic_error", mean_of<logarithmic_error>, -1},
    {"huber", mean_of<huber>, -1},
    {"log_cosh", mean_of<log_cosh>, -1},
    {"quantile", quantile, -1},
    {"poisson", mean_of<poisson>, -1},
    {"gamma_deviance", mean_of<gamma_deviance>, -1},
    {"tweedie_deviance", mean_of<tweedie_deviance>, -1},
    {"hinge", mean_of<hinge>, -1},
    {"squared_hinge", mean_of<squared_hinge>, -1},
    {"categorical_hinge", categorical_hinge, -1},
    {"kl_divergence", kl_divergence, -1},
    {"binary_crossentropy", binary_crossentropy, 0},
    {"categorical_crossentropy", categorical_crossentropy, 0},
    {"sparse_categorical_crossentropy", sparse_categorical_crossentropy, 0},
    {"binary_focal_crossentropy", binary_focal_crossentropy, 3},
    {"categorical_focal_crossentropy", categorical_focal_crossentropy, 2},
    {"function", function, -1},
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
  const vec threshold = all(rows.number(0));
  vec right = {};
  for (int j = 0; j < rows.outputs; j++) right += share_of(share_of(rows.out[j] > threshold) == rows.target(j));
  return right / static_cast<float>(rows.outputs);
}
static vec categorical_accuracy(const Scored& rows) {
  return share_of(place_of_largest(rows.outputs, [&](int j) { return rows.out[j]; }) ==
                  place_of_largest(rows.outputs, [&](int j) { return rows.target(j); }));
}
// numbers: k. Fewer than k outputs are above the one where the target is.
static vec top_k_categorical_accuracy(const Scored& rows) {
  const ivec place = place_of_largest(rows.outputs, [&](int j) { return rows.target(j); });
  vec own = {}, above = {};
  for (int j = 0; j < rows.outputs; j++) own = place == j ? rows.out[j] : own;
  for (int j = 0; j < rows.outputs; j++) above += share_of(rows.out[j] > own);
  return share_of(above < rows.number(0));
}
// What is a loss as well.
template <vec (*loss)(const Scored& rows, vec* error)>
static vec value_of(const Scored& rows) {
  return loss(rows, nullptr);
}

// The cosine of the angle between target and output, each at least 1e-7 long.
static vec cosine_similarity(const Scored& rows) {
  vec both = {}, of_y = {}, of_p = {};
  for (int j = 0; j < rows.outputs; j++) {
    const vec y = rows.target(j), p = rows.out[j];
    both += y * p, of_y += y * y, of_p += p * p;
  }
  const vec least = all(SMALLEST_SHARE * SMALLEST_SHARE);
  return both * inverse_root(max(of_y, least)) * inverse_root(max(of_p, least));
}

using Metric = vec (*)(const Scored& rows);
struct MetricEntry {
  const char* kind;
  Metric metric;
  int from_logits = -1;  // which number of the record says that the output is z; -1: none
};
static constexpr MetricEntry METRICS[] = {
    {"binary_accuracy", binary_accuracy},
    {"categorical_accuracy", categorical_accuracy},
    {"sparse_categorical_accuracy", categorical_accuracy},  // a label is the place of its target's one
    {"top_k_categorical_accuracy", top_k_categorical_accuracy},
    {"sparse_top_k_categorical_accuracy", top_k_categorical_accuracy},
    {"mean_squared_error", value_of<mean_squared_error>},
    {"root_mean_squared_error", value_of<mean_squared_error>},
    {"mean_absolute_error", value_of<mean_of<absolute_error>>},
    {"mean_absolute_percentage_error", value_of<mean_of<percentage_error>>},
    {"mean_squared_logarithmic_error", value_of<mean_of<logarithmic_error>>},
    {"binary_crossentropy", value_of<binary_crossentropy>, 0},
    {"categorical_crossentropy", value_of<categorical_crossentropy>, 0},
    {"sparse_categorical_crossentropy", value_of<sparse_categorical_crossentropy>, 0},
    {"kl_divergence", value_of<kl_divergence>},
    {"poisson", value_of<mean_of<poisson>>},
    {"logcosh", value_of<mean_of<log_cosh>>},
    {"hinge", value_of<mean_of<hinge>>},
    {"squared_hinge", value_of<mean_of<squared_hinge>>},
    {"categorical_hinge", value_of<categorical_hinge>},
    {"cosine_similarity", cosine_similarity},
};

}  // namespace tabgrad::TABGRAD_ISA
