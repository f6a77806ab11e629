// Optimizers: from a finished gradient to a step, with the formulas of src/tabgrad/optimizers/.
//
// A rule is one function on vectors, (w, g, its slots) -> w, and one line in `rule_of`. It runs as the epilogue of the
// product that makes the gradient, or over a stored gradient where clipping needs it whole first.
#pragma once

#include <vector>

#include "program.hpp"
#include "vector.hpp"

namespace tabgrad::TABGRAD_ISA {

// An array of a layer in padded rows, its optimizer's slots in the same layout, and what joins its gradient.
struct Array {
  int rows = 0, columns = 0;
  long ld = 0;
  float l1 = 0, l2 = 0;
  bool trainable = true;
  int group = 0;  // of the arrays that share factors of learning rate and weight decay; 0: both 1
  float* w = nullptr;
  float* slot[MOST_SLOTS] = {};
  float* gradient = nullptr;  // where it is stored whole, if it is
  // Of the matrix that it is to Muon: as it lies here, or transposed, or its rows one after the other; 0: none.
  int matrix_rows = 0, matrix_columns = 0;

  bool orthogonal() const { return matrix_rows > 0; }
  long size() const { return rows * ld; }
};

struct Step;

// What a formula is at run time.
struct Rule {
  // Spends a block of finished gradients, rows x vectors at (m, n) of an array.
  void (*step_block)(const Step& step, const Array& array, int m, int n, int rows, int vectors, const vec* block);
  // Corrects the rates by what has been counted, if the formula depends on the step's number.
  void (*correct)(Step& step, double learning_rate);
  int slots;
  bool whole = false;  // whether gradients are needed whole, for more than this formula
};

// What all optimizers share in a step. The numbers of a record begin with these.
struct Step {
  enum : int {
    LEARNING_RATE,
    WEIGHT_DECAY,
    CLIPNORM,
    CLIPVALUE,
    GLOBAL_CLIPNORM,
    USE_EMA,
    EMA_MOMENTUM,
    EMA_OVERWRITE_FREQUENCY,
    EMA_WARM_UP,
    OWN
  };
  PartSpec part = {};
  Rule rule = {};
  float rate = 0;                           // the learning rate, corrected
  float gradient_rate = 0, scale = 1;       // more that Nadam makes of it
  float decay = 1;                          // 1 - lr * weight_decay
  float matrix_rate = 0, matrix_decay = 1;  // both for Muon's matrices
  bool store_only = false;  // gradients are stored and no step is taken: for clipping, or to be looked at
  // Counted for rules that correct: beta_1^t and beta_2^t, kept running, and taken afresh every 1,024 steps so that
  // they depend on t alone; 0.96^t and the product of 1 - 0.96^i / 2 up to t, to a double's rounding still by then.
  double power_1 = 1, power_2 = 1, fading = 1, shares = 1;
  double rate_factor = 1, decay_factor = 1;  // for the arrays of a group
  std::vector<Step> groups;                  // a step for each group; empty where all factors are 1
  std::vector<int> scheduled;                // the numbers that schedules rule

  bool has(int number) const { return part.numbers[number] == part.numbers[number]; }
  bool clips() const { return has(CLIPNORM) || has(CLIPVALUE) || has(GLOBAL_CLIPNORM); }
  bool averages() const { return part.numbers[USE_EMA] != 0; }
  // The share that the average of the weights keeps at step t, counted from 1: where it does not grow, a <- w at first.
  double ema_momentum(std::int64_t t) const {
    const double most = part.numbers[EMA_MOMENTUM], so_far = static_cast<double>(t) / static_cast<double>(t + 9);
    if (part.numbers[EMA_WARM_UP] != 0) return so_far < most ? so_far : most;
    return t > 1 ? most : 0;
  }
  float own(int number) const { return own_[number]; }
  float rest_of(int number) const { return rest_[number]; }
  // What keeps a divisor from zero is a normal number, also where it is given as less.
  float epsilon(int number) const { return own_[number] > 1.2e-38f ? own_[number] : 1.2e-38f; }
  // A number that a schedule rules, for the coming step.
  void follow(int number, double value) {
    part.numbers[number] = value;
    for (Step& each : groups) each.part.numbers[number] = value;
  }
  // False: the kind is unknown.
  bool set(const PartSpec& spec);
  // The step of an array's group.
  const Step& of(const Array& array) const {
    return groups.empty() ? *this : groups[static_cast<std::size_t>(array.group)];
  }
  // The group of arrays whose learning rate and weight decay are multiplied by these.
  int group_of(double rate_factor, double decay_factor);
  // What is left of a weight that decays by one of the numbers.
  float left_by(int number, double learning_rate) const {
    return has(number) ? static_cast<float>(1 - learning_rate * decay_factor * part.numbers[number]) : 1;
  }
  // For step t, counted from 1.
  void begin(double learning_rate, std::int64_t t) {
    decay = left_by(WEIGHT_DECAY, learning_rate);
    rate = static_cast<float>(learning_rate);
    if (rule.correct) count(t), rule.correct(*this, learning_rate);
  }
  void begin_groups(double learning_rate) {
    for (Step& each : groups) each.begin(learning_rate * each.rate_factor, counted_);
  }

 private:
  float own_[MOST_NUMBERS - OWN] = {}, rest_[MOST_NUMBERS - OWN] = {};  // rest: 1 - beta, not rounded before
  std::int64_t counted_ = -1;
  void count(std::int64_t t);
};

inline void Step::count(std::int64_t t) {
  const double beta_1 = part.numbers[OWN], beta_2 = part.numbers[OWN + 1];
  const bool next = t == counted_ + 1;
  counted_ = t;
  if (t % 1024 != 0 && next) {
    power_1 *= beta_1, power_2 *= beta_2;
  } else {
    const double start = static_cast<double>(t - t % 1024);
    power_1 = std::pow(beta_1, start), power_2 = std::pow(beta_2, start);
    for (std::int64_t i = t - t % 1024; i < t; i++) power_1 *= beta_1, power_2 *= beta_2;
  }
  if (!next) fading = shares = 1;
  for (std::int64_t i = next ? t : 1; i <= t && i <= 1024; i++) fading *= 0.96, shares *= 1 - fading / 2;
}

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
      : rate(step.rate), rho(step.own(0)), rest(step.rest_of(0)), momentum(step.own(1)), epsilon(step.epsilon(2)) {}
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

// numbers: beta_1, beta_2, epsilon, amsgrad
template <bool AMSGRAD>
struct Adam {
  float rate, rest_1, rest_2, epsilon;
  static constexpr int SLOTS = 2 + AMSGRAD;
  explicit Adam(const Step& step)
      : rate(step.rate), rest_1(step.rest_of(0)), rest_2(step.rest_of(1)), epsilon(step.epsilon(2)) {}
  static void correct(Step& step, double learning_rate) {
    step.rate = static_cast<float>(learning_rate * (std::sqrt(1 - step.power_2) / (1 - step.power_1)));
  }
  vec operator()(vec w, vec g, vec* slot) const {
    const vec m = slot[0] = slot[0] + rest_1 * (g - slot[0]);
    vec v = slot[1] = slot[1] + rest_2 * (g * g - slot[1]);
    if constexpr (AMSGRAD) v = slot[2] = max(v, slot[2]);
    return w - rate * m * inverse(v * inverse_root(v) + epsilon);
  }
};

// numbers: beta_1, beta_2, epsilon
struct Adamax {
  float rate, rest_1, beta_2, epsilon;
  static constexpr int SLOTS = 2;
  explicit Adamax(const Step& step)
      : rate(step.rate), rest_1(step.rest_of(0)), beta_2(step.own(1)), epsilon(step.epsilon(2)) {}
  static void correct(Step& step, double learning_rate) {
    step.rate = static_cast<float>(learning_rate / (1 - step.power_1));
  }
  vec operator()(vec w, vec g, vec* slot) const {
    const vec m = slot[0] = slot[0] + rest_1 * (g - slot[0]);
    const vec u = slot[1] = max(abs(g), beta_2 * slot[1]);
    return w - rate * m * inverse(u + epsilon);
  }
};

// numbers: beta_1, beta_2, epsilon
struct Nadam {
  float rate, gradient_rate, scale, rest_1, rest_2, epsilon;
  static constexpr int SLOTS = 2;
  explicit Nadam(const Step& step)
      : rate(step.rate),
        gradient_rate(step.gradient_rate),
        scale(step.scale),
        rest_1(step.rest_of(0)),
        rest_2(step.rest_of(1)),
        epsilon(step.epsilon(2)) {}
  static void correct(Step& step, double learning_rate) {
    const double beta_1 = step.part.numbers[Step::OWN], product = step.power_1 * step.shares;
    const double u = beta_1 * (1 - step.fading / 2), next_u = beta_1 * (1 - 0.96 * step.fading / 2);
    step.rate = static_cast<float>(learning_rate * next_u / (1 - product * next_u));
    step.gradient_rate = static_cast<float>(learning_rate * (1 - u) / (1 - product));
    step.scale = static_cast<float>(1 / (1 - step.power_2));
  }
  vec operator()(vec w, vec g, vec* slot) const {
    const vec m = slot[0] = slot[0] + rest_1 * (g - slot[0]);
    const vec v = scale * (slot[1] = slot[1] + rest_2 * (g * g - slot[1]));
    return w - (rate * m + gradient_rate * g) * inverse(v * inverse_root(v) + epsilon);
  }
};

// numbers: initial_accumulator_value, epsilon
struct Adagrad {
  float rate, epsilon;
  static constexpr int SLOTS = 1;
  explicit Adagrad(const Step& step) : rate(step.rate), epsilon(step.epsilon(1)) {}
  vec operator()(vec w, vec g, vec* slot) const {
    const vec a = slot[0] = slot[0] + g * g;
    return w - rate * g * inverse_root(a + epsilon);
  }
};

// numbers: rho, epsilon
struct Adadelta {
  float rate, rho, rest, epsilon;
  static constexpr int SLOTS = 2;
  explicit Adadelta(const Step& step)
      : rate(step.rate), rho(step.own(0)), rest(step.rest_of(0)), epsilon(step.epsilon(1)) {}
  vec operator()(vec w, vec g, vec* slot) const {
    const vec a = slot[0] = rho * slot[0] + rest * g * g, d = slot[1] + epsilon;
    const vec s = g * (d * inverse_root(d)) * inverse_root(a + epsilon);
    slot[1] = rho * slot[1] + rest * s * s;
    return w - rate * s;
  }
};

// numbers: beta_1, beta_2
struct Lion {
  float rate, beta_1, rest_1, beta_2, rest_2;
  static constexpr int SLOTS = 1;
  explicit Lion(const Step& step)
      : rate(step.rate), beta_1(step.own(0)), rest_1(step.rest_of(0)), beta_2(step.own(1)), rest_2(step.rest_of(1)) {}
  vec operator()(vec w, vec g, vec* slot) const {
    const vec m = slot[0];
    slot[0] = beta_2 * m + rest_2 * g;
    return w - rate * sign_of(beta_1 * m + rest_1 * g);
  }
};

// What is no matrix, as Adam; numbers: see muon.hpp
struct MuonAdam {
  float rate, rest_1, rest_2, epsilon;
  static constexpr int SLOTS = 2;
  explicit MuonAdam(const Step& step)
      : rate(step.rate), rest_1(step.rest_of(0)), rest_2(step.rest_of(1)), epsilon(step.epsilon(3)) {}
  static void correct(Step& step, double learning_rate) {
    constexpr int ADAM_DECAY = Step::OWN + 2, ADAM_RATIO = Step::OWN + 7;
    const double* numbers = step.part.numbers;
    step.matrix_rate = static_cast<float>(learning_rate), step.matrix_decay = step.decay;
    step.decay = step.left_by(ADAM_DECAY, learning_rate);
    const double corrected = std::sqrt(1 - step.power_2) / (1 - step.power_1);
    step.rate = static_cast<float>(learning_rate * numbers[ADAM_RATIO] * corrected);
  }
  vec operator()(vec w, vec g, vec* slot) const {
    const vec m = slot[0] = slot[0] + rest_1 * (g - slot[0]), v = slot[1] = slot[1] + rest_2 * (g * g - slot[1]);
    return w - rate * m * inverse(v * inverse_root(v) + epsilon);
  }
};

// Regularisation joins the gradient, the weights decay, the formula applies.
template <class Formula>
static void step_block(const Step& step, const Array& array, int m, int n, int rows, int vectors, const vec* block) {
  const Formula formula(step);
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < vectors; j++) {
      const long at = (m + i) * array.ld + n + W * j;
      vec w = load(array.w + at), slot[MOST_SLOTS];
      const vec g = regularised(array, block[i * vectors + j], w);
      for (int s = 0; s < Formula::SLOTS; s++) slot[s] = load(array.slot[s] + at);
      w = formula(w * step.decay, g, slot);
      for (int s = 0; s < Formula::SLOTS; s++) store(array.slot[s] + at, slot[s]);
      store(array.w + at, w);
    }
}

template <class Formula>
static constexpr Rule rule(bool whole = false) {
  if constexpr (requires { Formula::correct; })
    return {step_block<Formula>, Formula::correct, Formula::SLOTS, whole};
  else
    return {step_block<Formula>, nullptr, Formula::SLOTS, whole};
}
// The one place that knows the rules by name; without a function where it does not.
static inline Rule rule_of(const PartSpec& part) {
  const double* own = part.numbers + Step::OWN;
  if (same(part.kind, "sgd")) return own[0] > 0 ? rule<SgdMomentum>() : rule<Sgd>();
  if (same(part.kind, "rmsprop")) {
    if (own[1] > 0) return own[3] != 0 ? rule<Rmsprop<true, true>>() : rule<Rmsprop<true, false>>();
    return own[3] != 0 ? rule<Rmsprop<false, true>>() : rule<Rmsprop<false, false>>();
  }
  if (same(part.kind, "adam")) return own[3] != 0 ? rule<Adam<true>>() : rule<Adam<false>>();
  if (same(part.kind, "adamax")) return rule<Adamax>();
  if (same(part.kind, "nadam")) return rule<Nadam>();
  if (same(part.kind, "adagrad")) return rule<Adagrad>();
  if (same(part.kind, "adadelta")) return rule<Adadelta>();
  if (same(part.kind, "lion")) return rule<Lion>();
  if (same(part.kind, "muon")) return rule<MuonAdam>(true);
  return {};
}

// Where arrays differ in these factors, these two are the rule: what they lead to is the step of the array's group.
static void grouped_step_block(const Step& step, const Array& array, int m, int n, int rows, int vectors,
                               const vec* block) {
  const Step& own = step.groups[static_cast<std::size_t>(array.group)];
  own.rule.step_block(own, array, m, n, rows, vectors, block);
}
static void grouped_correct(Step& step, double learning_rate) { step.begin_groups(learning_rate); }

inline int Step::group_of(double of_rate, double of_decay) {
  if (of_rate == 1 && of_decay == 1 && groups.empty()) return 0;
  if (groups.empty()) {
    groups.assign(1, Step(*this));
    rule.step_block = grouped_step_block, rule.correct = grouped_correct;
  }
  for (std::size_t i = 0; i < groups.size(); i++)
    if (groups[i].rate_factor == of_rate && groups[i].decay_factor == of_decay) return static_cast<int>(i);
  groups.push_back(Step(groups.front()));
  groups.back().rate_factor = of_rate, groups.back().decay_factor = of_decay;
  return static_cast<int>(groups.size()) - 1;
}

inline bool Step::set(const PartSpec& spec) {
  part = spec, rule = rule_of(spec);
  for (int i = 0; i < MOST_NUMBERS; i++)
    if (part.numbers[i] == __builtin_inf()) scheduled.push_back(i);
  for (int i = 0; i < MOST_NUMBERS - OWN; i++) {
    own_[i] = static_cast<float>(part.numbers[OWN + i]);
    rest_[i] = static_cast<float>(1 - part.numbers[OWN + i]);
  }
  return rule.step_block != nullptr;
}

}  // namespace tabgrad::TABGRAD_ISA
