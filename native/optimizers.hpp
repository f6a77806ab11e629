// Optimizers: from a finished gradient to a step, with the formulas of src/tabgrad/optimizers.py.
//
// A rule is one function on vectors, (w, g, its slots) -> w, and one line in `with_rule`. It runs as the epilogue of
// the product that makes the gradient, or over a stored gradient where clipping needs it whole first.
#pragma once

#include "program.hpp"
#include "vector.hpp"

namespace tabgrad::TABGRAD_ISA {

// An array of a layer in padded rows, its optimizer's slots in the same layout, and what joins its gradient.
struct Array {
  int rows = 0, columns = 0;
  long ld = 0;
  float l1 = 0, l2 = 0;
  bool trainable = true;
  float* w = nullptr;
  float* slot[MOST_SLOTS] = {};
  float* gradient = nullptr;  // where it is stored whole, if it is

  long size() const { return rows * ld; }
};

enum class Rule { unknown, sgd, sgd_momentum, rmsprop, rmsprop_momentum, rmsprop_centered, rmsprop_both, adam };

// What all optimizers share in a step. The numbers of a record begin with these four.
struct Step {
  enum : int { LEARNING_RATE, WEIGHT_DECAY, CLIPNORM, GLOBAL_CLIPNORM, OWN };
  PartSpec part = {};
  Rule rule = Rule::unknown;
  float rate = 0;           // the learning rate, for Adam times its correction
  float decay = 1;          // 1 - lr * weight_decay
  bool store_only = false;  // gradients are stored and no step is taken: for clipping, or to be looked at

  bool has(int number) const { return part.numbers[number] == part.numbers[number]; }
  bool clips() const { return has(CLIPNORM) || has(GLOBAL_CLIPNORM); }
  float own(int number) const { return own_[number]; }
  float rest_of(int number) const { return rest_[number]; }
  void set(const PartSpec& spec) {
    part = spec;
    for (int i = 0; i < MOST_NUMBERS - OWN; i++) {
      own_[i] = static_cast<float>(part.numbers[OWN + i]);
      rest_[i] = static_cast<float>(1 - part.numbers[OWN + i]);
    }
  }
  // For step t, counted from 1.
  void begin(double learning_rate, std::int64_t t) {
    decay = has(WEIGHT_DECAY) ? static_cast<float>(1 - learning_rate * part.numbers[WEIGHT_DECAY]) : 1;
    rate = static_cast<float>(rule == Rule::adam ? learning_rate * adam_correction(t) : learning_rate);
  }

 private:
  float own_[MOST_NUMBERS - OWN] = {}, rest_[MOST_NUMBERS - OWN] = {};  // rest: 1 - beta, not rounded before
  // The powers of t are kept running, and taken afresh every 1,024 steps so that they depend on t alone.
  std::int64_t counted = -1;
  double power_1 = 1, power_2 = 1;
  double adam_correction(std::int64_t t) {
    const double beta_1 = part.numbers[OWN], beta_2 = part.numbers[OWN + 1];
    if (t % 1024 == 0 || t != counted + 1) {
      const double start = static_cast<double>(t - t % 1024);
      power_1 = std::pow(beta_1, start), power_2 = std::pow(beta_2, start);
      for (std::int64_t i = t - t % 1024; i < t; i++) power_1 *= beta_1, power_2 *= beta_2;
    } else {
      power_1 *= beta_1, power_2 *= beta_2;
    }
    counted = t;
    return std::sqrt(1 - power_2) / (1 - power_1);
  }
};

// g + dR/dw, R = l1 |w| + l2 w^2
static inline vec regularised(const Array& array, vec g, vec w) {
  if (array.l2 != 0) g += 2 * array.l2 * w;
  if (array.l1 != 0) g += array.l1 * sign_of(w);
  return g;
}

// 1 / x in the way of `inverse_root`: r <- r (2 - x r).
static inline vec inverse(vec x) {
  vec r = as_float(0x7ef311c3 - as_int(x));
  for (int i = 0; i < 3; i++) r = r * (2.0f - x * r);
  return r;
}

struct Sgd {
  float rate;
  static constexpr int SLOTS = 0;
  explicit Sgd(const Step& step) : rate(step.rate) {}
  vec operator()(vec w, vec g, vec*) const { return w - rate * g; }
};

// numbers: momentum, nesterov
struct SgdMomentum {
  float rate, momentum;
  bool nesterov;
  static constexpr int SLOTS = 1;
  explicit SgdMomentum(const Step& step) : rate(step.rate), momentum(step.own(0)), nesterov(step.own(1) != 0) {}
  vec operator()(vec w, vec g, vec* slot) const {
    const vec m = slot[0] = momentum * slot[0] - rate * g;
    return nesterov ? w + momentum * m - rate * g : w + m;
  }
};

// numbers: rho, momentum, epsilon, centered
template <bool MOMENTUM, bool CENTERED>
struct Rmsprop {
  float rate, rho, rest, momentum, epsilon;
  static constexpr int SLOTS = 1 + MOMENTUM + CENTERED;
  explicit Rmsprop(const Step& step)
      : rate(step.rate), rho(step.own(0)), rest(step.rest_of(0)), momentum(step.own(1)), epsilon(step.own(2)) {}
  vec operator()(vec w, vec g, vec* slot) const {
    const vec v = slot[0] = rho * slot[0] + rest * g * g;
    vec under = v + epsilon;
    if constexpr (CENTERED) {
      const vec a = slot[1 + MOMENTUM] = rho * slot[1 + MOMENTUM] + rest * g;
      under = max(v - a * a, vec{}) + epsilon;  // a variance, whatever rounding says
    }
    const vec s = rate * g * inverse_root(under);
    if constexpr (!MOMENTUM) return w - s;
    const vec m = slot[1] = momentum * slot[1] + s;
    return w - m;
  }
};

// numbers: beta_1, beta_2, epsilon. The rate carries the correction sqrt(1 - beta_2^t) / (1 - beta_1^t).
struct Adam {
  float rate, rest_1, rest_2, epsilon;
  static constexpr int SLOTS = 2;
  explicit Adam(const Step& step)
      : rate(step.rate), rest_1(step.rest_of(0)), rest_2(step.rest_of(1)), epsilon(step.own(2)) {}
  vec operator()(vec w, vec g, vec* slot) const {
    const vec m = slot[0] = slot[0] + rest_1 * (g - slot[0]);
    const vec v = slot[1] = slot[1] + rest_2 * (g * g - slot[1]);
    return w - rate * m * inverse(v * inverse_root(v) + epsilon);
  }
};

// A block of finished gradients, rows x vectors at (m, n) of an array: regularisation joins, then decay, then the rule.
template <class Rule>
[[gnu::always_inline]] static inline void step_block(const Rule& rule, const Array& array, float decay, int m, int n,
                                                     int rows, int vectors, const vec* block) {
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < vectors; j++) {
      const long at = (m + i) * array.ld + n + W * j;
      vec w = load(array.w + at), slot[MOST_SLOTS];
      const vec g = regularised(array, block[i * vectors + j], w);
      for (int s = 0; s < Rule::SLOTS; s++) slot[s] = load(array.slot[s] + at);
      w = rule(w * decay, g, slot);
      for (int s = 0; s < Rule::SLOTS; s++) store(array.slot[s] + at, slot[s]);
      store(array.w + at, w);
    }
}

// The one place that knows the rules by name.
static inline Rule rule_of(const Step& step) {
  const char* kind = step.part.kind;
  if (same(kind, "adam")) return Rule::adam;
  if (same(kind, "sgd")) return step.own(0) > 0 ? Rule::sgd_momentum : Rule::sgd;
  if (!same(kind, "rmsprop")) return Rule::unknown;
  const bool momentum = step.own(1) > 0, centered = step.own(3) != 0;
  return momentum ? (centered ? Rule::rmsprop_both : Rule::rmsprop_momentum)
                  : (centered ? Rule::rmsprop_centered : Rule::rmsprop);
}
// Calls body(rule) with the rule of a step.
template <class Body>
[[gnu::always_inline]] static inline void with_rule(const Step& step, const Body& body) {
  switch (step.rule) {
    case Rule::sgd: return body(Sgd(step));
    case Rule::sgd_momentum: return body(SgdMomentum(step));
    case Rule::rmsprop: return body(Rmsprop<false, false>(step));
    case Rule::rmsprop_momentum: return body(Rmsprop<true, false>(step));
    case Rule::rmsprop_centered: return body(Rmsprop<false, true>(step));
    case Rule::rmsprop_both: return body(Rmsprop<true, true>(step));
    case Rule::adam: return body(Adam(step));
    case Rule::unknown: return;
  }
}
static inline int slots_of(const Step& step) {
  int slots = 0;
  with_rule(step, [&](auto rule) { slots = decltype(rule)::SLOTS; });
  return slots;
}

}  // namespace tabgrad::TABGRAD_ISA
