// Metrics that are no mean over the rows: what each row adds to their terms, in the order of
// src/tabgrad/engines/scores.py, which makes values of the sums. One thread goes through the rows in their order.
#pragma once

#include "program.hpp"
#include "vector.hpp"

namespace tabgrad::TABGRAD_ISA {

// A row as metrics see it, in a lane of the vectors of its block.
struct Seen {
  int outputs, lane;
  const vec* out;
  const vec* y;  // the target, or null
  std::int64_t label;
  double weight;

  float p(int j) const { return out[j][lane]; }
  float target(int j) const { return y ? y[j][lane] : (label == j ? 1.0f : 0.0f); }
};

// The first place with the largest value.
template <class Value>
static inline int first_largest(int count, Value value) {
  int place = 0;
  for (int j = 1; j < count; j++)
    if (value(j) > value(place)) place = j;
  return place;
}

// Whether fewer than `top` outputs come before output j: those above it, and of its equals those that stand before.
static inline bool among_first(const Seen& row, int j, double top) {
  int before = 0;
  for (int i = 0; i < row.outputs; i++) before += row.p(i) > row.p(j) || (i < j && row.p(i) == row.p(j));
  return before < top;
}

// How many of the cuts, which ascend, are below p.
static inline int cuts_below(const float* cuts, int count, float p) {
  int low = 0;
  for (int left = count; left > 0;) {
    const int half = left / 2;
    const bool below = cuts[low + half] < p;
    low = below ? low + half + 1 : low;
    left = below ? left - half - 1 : half;
  }
  return low;
}

// numbers: the only output that counts or -1; how many of the largest outputs can pass or 0; whether they are logits;
// whether they are kept within [0, 1]; whether each output has terms of its own. listed: the outputs' weights.
static void thresholds(const MetricSpec& metric, const Seen& row, double* terms) {
  const double* numbers = metric.part.numbers;
  const int column = static_cast<int>(numbers[0]);
  for (int j = column < 0 ? 0 : column; j < (column < 0 ? row.outputs : column + 1); j++) {
    float p = row.p(j);
    if (numbers[2] != 0) p = sigmoid(all(p))[0];
    if (numbers[1] != 0 && !among_first(row, j, numbers[1])) p = -1e10f;
    if (numbers[3] != 0) p = p < 0 ? 0.0f : p > 1 ? 1.0f : p;
    const int bins = metric.cut_count + 1, place = cuts_below(metric.cuts, metric.cut_count, p);
    double* own = terms + (numbers[4] != 0 ? 2L * bins * j : 0) + (row.target(j) > 0 ? 0 : bins);
    own[place] += row.weight * metric.part.listed[j];
  }
}

// numbers: the threshold; NaN: the largest outputs of a row are positive.
static void overlap(const MetricSpec& metric, const Seen& row, double* terms) {
  const double threshold = metric.part.numbers[0];
  const float cut = static_cast<float>(threshold);
  const float most = row.p(first_largest(row.outputs, [&](int j) { return row.p(j); }));
  for (int j = 0; j < row.outputs; j++) {
    const float p = row.p(j);
    const bool positive = threshold == threshold ? p > cut : p == most && (p > 1e-9f || p < -1e-9f);
    const double y = row.weight * static_cast<double>(row.target(j));
    if (positive) terms[j] += y, terms[row.outputs + j] += row.weight;
    terms[2 * row.outputs + j] += y;
  }
}

// numbers: the threshold of a single output, the power of the distance of two classes.
static void agreement(const MetricSpec& metric, const Seen& row, double* terms) {
  const int classes = row.outputs > 1 ? row.outputs : 2;
  int is = 0, taken = 0;
  if (row.outputs > 1) {
    is = row.y ? first_largest(classes, [&](int j) { return row.target(j); }) : static_cast<int>(row.label);
    taken = first_largest(classes, [&](int j) { return row.p(j); });
  } else {
    is = row.y ? row.target(0) > 0.5f : static_cast<int>(row.label);
    taken = row.p(0) > static_cast<float>(metric.part.numbers[0]);
  }
  const double distance = is > taken ? is - taken : taken - is, power = metric.part.numbers[1];
  terms[is] += row.weight, terms[classes + taken] += row.weight;
  terms[2 * classes] += row.weight * (power == 0   ? (distance > 0 ? 1 : 0)
                                      : power == 1 ? distance
                                                   : distance * distance);
}

static void moments(const MetricSpec&, const Seen& row, double* terms) {
  terms[0] += 1, terms[1] += row.weight;
  for (int j = 0; j < row.outputs; j++) {
    const double y = static_cast<double>(row.target(j)), error = y - static_cast<double>(row.p(j));
    terms[2 + j] += row.weight * y;
    terms[2 + row.outputs + j] += row.weight * y * y;
    terms[2 + 2 * row.outputs + j] += row.weight * error * error;
  }
}

using Tally = void (*)(const MetricSpec& metric, const Seen& row, double* terms);
struct TallyEntry {
  const char* kind;
  Tally tally;
  int terms, of_output, of_cut;  // how many: so many, and so many more for each output and cut
};
static constexpr TallyEntry TALLIES[] = {
    {"thresholds", thresholds, 2, 0, 2},
    {"overlap", overlap, 0, 3, 0},
    {"agreement", agreement, 1, 2, 0},  // a single output has two classes
    {"moments", moments, 2, 3, 0},
};
static constexpr int MEAN_TERMS = 2;  // sum and weight, also of a function of the user's

}  // namespace tabgrad::TABGRAD_ISA
