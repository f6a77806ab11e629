// The training loop: a whole run in one call.
//
// Per step: rows gathered, layers forward, the loss, the error term back through the layers, then each array's step.
// Per epoch: order drawn, validation scored, the state kept so that an interruption loses one epoch at most.
#pragma once

#include <chrono>

#include "layers.hpp"
#include "losses.hpp"
#include "muon.hpp"
#include "pace.hpp"
#include "tallies.hpp"
#include "team.hpp"

namespace tabgrad::TABGRAD_ISA {

class Trainer final : public Run {
 public:
  // Null on success, else what was wrong.
  const char* build(const ProgramSpec& program, std::int64_t most_rows, int threads);

  int array_count() const override { return static_cast<int>(arrays_.size()); }
  ArrayShape array_shape(int array) const override {
    const Array& a = *arrays_[array];
    return {a.rows, a.columns, a.trainable ? slots_ : 0};
  }
  int scheduled() const override { return static_cast<int>(optimizer_.scheduled.size() + scheduled_.size()); }
  void scale_rates(int array, double rate, double decay) override {
    arrays_[array]->group = optimizer_.group_of(rate, decay);
  }
  void orthogonalize(int array, int rows, int columns) override {
    arrays_[array]->matrix_rows = rows, arrays_[array]->matrix_columns = columns;
  }
  void read(int array, int slot, float* out) const override {
    const Array& a = *arrays_[array];
    copy_out(a, slot < 0 ? a.w : a.slot[slot], out);
  }
  void write(int array, int slot, const float* in, std::int64_t row) override {
    const Array& a = *arrays_[array];
    float* to = slot < 0 ? a.w : a.slot[slot];
    for (int i = 0; i < a.rows; i++) std::memcpy(to + i * a.ld, in + i * row, a.columns * sizeof(float));
    stale_ = true;
  }
  float* place(int array, int slot, std::int64_t& row) const override {
    row = arrays_[array]->ld;
    return slot < 0 ? arrays_[array]->w : arrays_[array]->slot[slot];
  }
  void* release() override { return parameters_.release(); }
  void gradient(int array, float* out) const override { copy_out(*arrays_[array], arrays_[array]->gradient, out); }

  float* best(int array) const override {
    long before = 0;
    for (int i = 0; i < array; i++) before += arrays_[i]->size();
    return best_.data() + before;
  }
  void* release_best() override { return best_.release(); }

  Status fit(const Chosen& rows, const Chosen& validation, const Schedule& schedule, Listener& listener,
             Outcome& outcome) override;
  bool evaluate(const Rows& rows, std::int64_t scoring_rows, Listener& listener, double* sums) override;
  bool predict(const Rows& rows, float* out, Listener& listener) override;
  bool gradients(const Rows& rows, Listener& listener, double& loss) override;

 private:
  using Clock = std::chrono::steady_clock;

  // Parts [from, to) of a layer's arrays: what one thread steps.
  struct Lesson {
    Layer* layer;
    int from, to;
  };
  // Sums over the rows of an epoch; the terms of its metrics stand in `terms_`.
  struct Sums {
    double loss = 0;
    std::int64_t rows = 0;
  };
  // A metric is a mean of what the rows have, a tally, or, with neither, a function of the user's.
  struct Scoring {
    MetricSpec spec;
    Metric of_row;
    bool logits;
    Tally tally;
  };

  static void copy_out(const Array& a, const float* from, float* out) {
    for (int i = 0; i < a.rows; i++)
      std::memcpy(out + static_cast<long>(i) * a.columns, from + i * a.ld, a.columns * sizeof(float));
  }
  const char* add(const LayerSpec& spec, bool link);
  Layer* append(std::unique_ptr<Layer> layer, int units);
  bool order();
  const char* reserve(std::int64_t most_rows);
  void lay_out();

  template <class Body>
  bool each_row(int count, double work, const Body& body);
  struct EachRow {
    Trainer& trainer;
    template <class Body>
    bool operator()(int count, double work, const Body& body) const {
      return trainer.each_row(count, work, body);
    }
  };
  void gather(const Batch& batch, int from, int to);
  void prefetch(const Rows& rows, std::int64_t row) const;
  void begin(const Batch& batch, bool training);
  void forward(int first, int end, int from, int to);
  void score(const Batch& batch, int from, int to, bool errors);
  void score_block(int m, int block, const vec* y, ivec labels, vec weights, int count, bool errors);
  bool ask(const Batch& batch, bool errors);
  void backward(int first, int end, int from, int to);
  bool propagate(const Batch& batch);
  bool meet(Layer& layer, bool back);
  bool learn();
  const char* add(const MetricSpec& spec);
  double add_up(const Batch& batch, Sums& sums);
  bool add_metrics(const Batch& batch);
  bool hand_out(const Batch& batch);
  void clear_terms() { std::memset(terms_.data(), 0, terms_.bytes()); }
  bool step_on(const Batch& batch, Sums& sums, double& loss);
  bool reserve_gradients();
  bool end_step();
  bool clip_and_step();
  bool average();
  double penalty() const;
  bool finite() const;
  bool follow_schedules();
  bool score_all(const Chosen& rows, std::int64_t scoring_rows, double* out, bool of_averages);
  void swap_averages();
  void keep_best(bool of_averages);
  std::size_t weights_size() const {
    std::size_t size = 0;
    for (const Array* array : arrays_) size += static_cast<std::size_t>(array->size());
    return size;
  }
  void tell(const Sums& sums, double* out) const {
    out[0] = static_cast<double>(sums.rows), out[1] = sums.loss;
    std::memcpy(out + FIRST_TERM, terms_.data(), terms_.bytes());
  }
  bool tick(double work);

  Pass pass_;
  Step optimizer_;
  Muon muon_;
  std::unique_ptr<Team> team_;
  Pace pace_;
  bool sharing_ = true;  // whether the team is called at all; a run finds out whether that pays
  std::vector<std::unique_ptr<Signal>> signals_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<Array*> arrays_;
  std::vector<Lesson> lessons_;
  std::vector<Signal*> branches_;                      // that have not been joined yet
  std::vector<Layer*> preparing_, settling_, active_;  // that move with the batch; that add to the loss of a row
  Block<int> cuts_;  // the first layers of the stretches between two meetings of rows, and the end
  int stretches_ = 1;
  bool stale_ = true;        // what layers derive from their arrays lags behind them
  bool ends_apart_ = false;  // whether more of a step is to come once the gradients are there
  int slots_ = 0, most_rows_ = 0;
  Floats parameters_, kept_, best_, gradients_;
  Block<std::uint32_t> order_;

  Loss loss_ = nullptr;
  PartSpec loss_part_ = {};
  bool linked_ = false, logits_ = false, penalised_ = false;
  bool asks_ = false;         // the loss is a function of the user
  bool apart_ = false;        // rows meet somewhere: at a layer, or at such a loss
  Signal* scored_ = nullptr;  // what the loss looks at: the output, or what the link receives
  Lanes targets_, outputs_, linked_values_, errors_;
  Lanes unlinked_;  // where a metric that takes the outputs for logits leaves what it makes of them
  std::vector<Scoring> metrics_;
  int metric_count_ = 0, function_count_ = 0;
  Floats row_values_;
  Floats asked_;  // what the user's function looks at and returns: outputs, gradient, losses
  Block<double> terms_, told_;
  Floats handed_out_;                          // a batch's outputs, for metrics that are functions of the user's
  bool validating_ = false, cut_off_ = false;  // what they are asked about; whether one of them failed

  std::vector<Dropout*> scheduled_;  // whose rates schedules rule
  std::vector<double> ahead_;        // what they say of steps [ahead_from_, ahead_from_ + ahead_known_)
  std::int64_t ahead_from_ = 0, ahead_known_ = 0;

  Listener* listener_ = nullptr;
  Clock::time_point polled_;
  double work_ = 0, work_since_ = 0;  // multiply-adds of a row; those since the clock was last read
  std::int64_t step_of_epoch_ = 0;
  const Sums* running_ = nullptr;
};

// Multiply-adds of one lesson: some milliseconds, so that an interruption need not wait for a long product.
constexpr double LESSON_WORK = 2e8;

inline const char* Trainer::build(const ProgramSpec& program, std::int64_t most_rows, int threads) {
  linked_ = program.linked;
  signals_.push_back(std::make_unique<Signal>(program.inputs));
  for (int i = 0; i < program.layer_count; i++)
    if (const char* unknown = add(program.layers[i], linked_ && i == program.layer_count - 1)) return unknown;
  if (!order()) return "memory";
  for (auto& layer : layers_) layer->list(arrays_), work_ += layer->work();
  if (program.loss.kind) {
    loss_part_ = program.loss;
    for (const LossEntry& entry : LOSSES)
      if (same(entry.kind, program.loss.kind)) {
        loss_ = entry.loss;
        logits_ = linked_ || (entry.from_logits >= 0 && program.loss.numbers[entry.from_logits] != 0);
      }
    if (!loss_) return program.loss.kind;
    asks_ = loss_ == function;
    for (; metric_count_ < program.metric_count; metric_count_++)
      if (const char* unknown = add(program.metrics[metric_count_])) return unknown;
    if (!optimizer_.set(program.optimizer)) return program.optimizer.kind;
    slots_ = optimizer_.rule.slots + (optimizer_.averages() ? 1 : 0);
  }
  pass_.optimizer = &optimizer_, apart_ = asks_ || stretches_ > 1;
  if (threads > 1) team_.reset(make_team(threads));
  for (auto& layer : layers_) {
    const int parts = layer->parts(),
              enough = threads + static_cast<int>(layer->work() * static_cast<double>(most_rows) / LESSON_WORK);
    const int cuts = parts < enough ? parts : enough;
    const auto share = [&](int i) { return static_cast<int>(static_cast<long>(parts) * i / cuts); };
    for (int i = 0; i < cuts; i++) lessons_.push_back({layer.get(), share(i), share(i + 1)});
  }
  return reserve(most_rows);
}

// Most kinds are a layer of their own; an activation or dropout joins the layer before where that is free.
inline const char* Trainer::add(const LayerSpec& spec, bool link) {
  const int inputs = signals_.back()->units;
  Layer* last = layers_.empty() ? nullptr : layers_.back().get();
  const auto is = [&](const char* kind) { return same(spec.kind, kind); };
  if (is("dense")) {
    if (spec.units == 1) {
      append(std::make_unique<DenseUnit>(inputs, spec), 1);
    } else {
      const Array* factors = last ? last->factors() : nullptr;
      auto dense = std::make_unique<Dense>(inputs, spec, factors);
      if (factors) layers_.pop_back(), signals_.pop_back();
      append(std::move(dense), spec.units);
    }
  } else if (is("embedding")) {
    append(std::make_unique<Embedding>(inputs, spec), spec.units);
  } else if (is("piecewise_linear_embedding")) {
    append(std::make_unique<PiecewiseLinear>(spec), spec.units);
  } else if (is("periodic_embedding")) {
    append(std::make_unique<Periodic>(spec), spec.units);
  } else if (is("exchange")) {
    append(std::make_unique<Exchanged>(), inputs);
  } else if (is("scale")) {
    append(std::make_unique<Scale>(inputs, spec), inputs);
  } else if (is("dropout")) {
    if (!last || !last->joins_dropout()) last = append(std::make_unique<Elementwise>(), inputs);
    last->dropout = std::make_unique<Dropout>(dropout_of_rate(spec.numbers[0]));
    last->dropout_seed = spec.seed, last->dropout_index = spec.index;
    if (spec.numbers[0] == __builtin_inff()) scheduled_.push_back(last->dropout.get());
  } else if (is("softmax")) {
    append(std::make_unique<Softmax>(), inputs);
  } else if (is("batch_normalization")) {
    append(std::make_unique<BatchNormalization>(inputs, spec), inputs);
  } else if (is("layer_normalization")) {
    append(std::make_unique<LayerNormalization>(inputs, spec), inputs);
  } else if (is("p_re_lu")) {
    append(std::make_unique<PRelu>(inputs, spec), inputs);
  } else if (is("affine")) {
    append(std::make_unique<Affine>(spec), inputs);
  } else if (is("activity_regularization")) {
    append(std::make_unique<Activity>(spec), inputs);
  } else if (is("gaussian_noise")) {
    append(std::make_unique<Noise>(Noise::Kind::gaussian_noise, spec), inputs);
  } else if (is("gaussian_dropout")) {
    append(std::make_unique<Noise>(Noise::Kind::gaussian_dropout, spec), inputs);
  } else if (is("alpha_dropout")) {
    append(std::make_unique<Noise>(Noise::Kind::alpha_dropout, spec), inputs);
  } else if (is("branch")) {
    if (last) last->sealed = true;
    branches_.push_back(signals_.back().get());
  } else if (is("join")) {
    if (branches_.empty() || branches_.back()->units != inputs) return spec.kind;
    append(std::make_unique<Sum>(branches_.back()), inputs);
    branches_.pop_back();
  } else {
    FinishBlock finish = nullptr;
    for (const ActivationEntry& entry : ACTIVATIONS)
      if (is(entry.kind)) finish = entry.finish;
    if (!finish) return spec.kind;
    if (is("linear") && !link) return nullptr;
    if (!last || link || !last->joins_activation()) last = append(std::make_unique<Elementwise>(), inputs);
    last->finish = finish, last->activates = true;
    std::memcpy(last->numbers, spec.numbers, sizeof spec.numbers);
  }
  return nullptr;
}

inline const char* Trainer::add(const MetricSpec& spec) {
  Scoring scoring = {spec, nullptr, false, nullptr};
  const int outputs = signals_.back()->units;
  int terms = MEAN_TERMS;
  for (const MetricEntry& entry : METRICS)
    if (same(entry.kind, spec.part.kind)) {
      scoring.of_row = entry.metric;
      scoring.logits = entry.from_logits >= 0 && spec.part.numbers[entry.from_logits] != 0;
    }
  for (const TallyEntry& entry : TALLIES)
    if (same(entry.kind, spec.part.kind)) {
      const int counted = entry.tally == agreement && outputs == 1 ? 2 : outputs;
      scoring.tally = entry.tally;
      terms = entry.terms + entry.of_output * counted + entry.of_cut * spec.cut_count;
      if (entry.tally == thresholds && spec.part.numbers[4] != 0) terms *= outputs;
    }
  const bool own = same(spec.part.kind, "function");
  function_count_ += own;
  const bool beyond = scoring.tally == thresholds && (spec.part.numbers[0] >= outputs || !spec.part.listed);
  if (!(scoring.of_row || scoring.tally || own) || terms != spec.terms || beyond) return spec.part.kind;
  metrics_.push_back(scoring);
  return nullptr;
}

// Cuts the layers where rows meet, and finds out who writes the error of a signal that is used twice first.
inline bool Trainer::order() {
  const int layers = static_cast<int>(layers_.size()), ends = layers - (linked_ ? 1 : 0);
  if (!cuts_.reserve(layers + 2)) return false;
  stretches_ = 1;
  for (int i = 0; i < ends; i++) {
    Layer& layer = *layers_[i];
    if (layer.meets()) cuts_.data()[stretches_++] = i, settling_.push_back(&layer);
    if (layer.prepares()) preparing_.push_back(&layer);
    if (layer.adds_to_loss()) active_.push_back(&layer);
  }
  cuts_.data()[stretches_] = ends;
  for (int i = ends; i-- > 0;) {
    const auto written_before = [&](const Signal* signal, bool in_same) {
      bool written = in_same && layers_[i]->in == signal;
      for (int k = i + 1; k < ends; k++) written = written || layers_[k]->in == signal || layers_[k]->other() == signal;
      return written;
    };
    layers_[i]->in_adds = written_before(layers_[i]->in, false);
    if (layers_[i]->other()) layers_[i]->other_adds = written_before(layers_[i]->other(), true);
  }
  return true;
}

inline Layer* Trainer::append(std::unique_ptr<Layer> layer, int units) {
  layer->in = signals_.back().get();
  signals_.push_back(std::make_unique<Signal>(units));
  layer->out = signals_.back().get();
  layers_.push_back(std::move(layer));
  return layers_.back().get();
}

inline const char* Trainer::reserve(std::int64_t most_rows) {
  static const char* const SHORT = "memory";
  most_rows_ = static_cast<int>(most_rows);
  const bool trains = loss_ != nullptr;
  bool learns = false;  // whether an array before this signal is trained, so that its error is needed
  const auto rows = static_cast<std::size_t>(most_rows);
  for (std::size_t i = 0; i < signals_.size(); i++) {
    Signal& signal = *signals_[i];
    const std::size_t size = rows * static_cast<std::size_t>(signal.ld);
    if (!signal.value.reserve(size)) return SHORT;
    if (i > 0) {
      std::vector<Array*> own;
      layers_[i - 1]->list(own);
      for (const Array* array : own) learns = learns || array->trainable;
      if (trains && layers_[i - 1]->bends() && !signal.slope.reserve(size)) return SHORT;
    }
    const bool last = i + 1 >= signals_.size() - (linked_ ? 1 : 0);
    if (trains && (learns || last) && !signal.error.reserve(size)) return SHORT;
    if (i > 0 && layers_[i - 1]->passes_on()) {
      const Signal& before = *layers_[i - 1]->in;
      signal.unread = before.error.data() ? before.unread : before.units;
    }
  }
  std::size_t size = 0;
  for (const Array* array : arrays_) size += static_cast<std::size_t>(array->size()) * (1 + slots_);
  if (!parameters_.reserve(size)) return SHORT;
  lay_out();
  for (const Array* array : arrays_) penalised_ = penalised_ || array->l1 != 0 || array->l2 != 0;
  for (auto& layer : layers_)
    if (!layer->reserve(most_rows)) return SHORT;
  if (!trains) return nullptr;
  scored_ = signals_[signals_.size() - (linked_ ? 2 : 1)].get();
  const auto values = static_cast<std::size_t>(padded(most_rows_)) * static_cast<std::size_t>(1 + metric_count_);
  std::size_t terms = 0;
  for (const Scoring& metric : metrics_) terms += static_cast<std::size_t>(metric.spec.terms);
  if (!terms_.reserve(terms) || !told_.reserve(FIRST_TERM + terms)) return SHORT;
  for (const Scoring& metric : metrics_)
    if (metric.logits && !unlinked_.reserve(most_rows, scored_->units)) return SHORT;
  if (function_count_ && !handed_out_.reserve(rows * static_cast<std::size_t>(scored_->units))) return SHORT;
  const bool room = targets_.reserve(most_rows, scored_->units) && outputs_.reserve(most_rows, scored_->units) &&
                    linked_values_.reserve(most_rows, scored_->units) && errors_.reserve(most_rows, scored_->units) &&
                    row_values_.reserve(values) &&
                    (!asks_ || asked_.reserve(rows * (2 * static_cast<std::size_t>(scored_->units) + 1)));
  return room ? nullptr : SHORT;
}

// Each array's place in the parameters, its slots behind it.
inline void Trainer::lay_out() {
  float* at = parameters_.data();
  for (Array* array : arrays_) {
    array->w = at, at += array->size();
    for (int s = 0; s < slots_; s++) array->slot[s] = at, at += array->size();
  }
}

// Between two pieces of work: Python is entered at most twenty times a second; false: the run is to end.
inline bool Trainer::tick(double work) {
  work_since_ += work + 2000;
  if (work_since_ < 2e6 || !listener_) return true;
  work_since_ = 0;
  const auto now = Clock::now();
  if (now - polled_ < std::chrono::milliseconds(50)) return true;
  polled_ = now;
  const bool any = running_ && running_->rows > 0;
  if (any) tell(*running_, told_.data());
  return listener_->poll(step_of_epoch_, any ? told_.data() : nullptr);
}

// A shuffled row is far from the one before: ask for it while this batch is worked on.
inline void Trainer::prefetch(const Rows& rows, std::int64_t row) const {
  const std::int64_t columns = signals_.front()->units;
  for (std::int64_t j = 0; j < columns; j += 16) __builtin_prefetch(rows.x + row * columns + j);
  if (rows.y) __builtin_prefetch(rows.y + row * scored_->units);
}

// One row into padded memory, a vector at a time; `after`: floats that lie behind the row's beginning, itself included.
static inline void copy_row(float* out, const float* in, int columns, std::int64_t after) {
  int j = 0;
  for (; j + W <= columns; j += W) store(out + j, load_loose(in + j));
  if (j == columns) return;
  if (j + W <= after)
    store(out + j, first(columns - j) ? load_loose(in + j) : vec{});
  else
    std::memcpy(out + j, in + j, static_cast<std::size_t>(columns - j) * sizeof(float));
}

inline void Trainer::gather(const Batch& batch, int from, int to) {
  const Rows& rows = batch.rows;
  if (rows.exchange) return;  // the first layer looks at them itself
  const Signal& signal = *signals_.front();
  const std::int64_t columns = signal.units;
  for (int i = from; i < to; i++) {
    const std::int64_t row = batch.place(i), next = batch.from + batch.count + i;
    copy_row(signal.value_of(i), rows.x + row * columns, signal.units, (rows.count - row) * columns);
    if (batch.order && next < batch.end) prefetch(rows, batch.order[next]);
  }
}

// Below this many multiply-adds a batch is not worth a second thread; from there to the other, a run finds out.
constexpr double WORTH_SHARING = 2e5, SURELY_WORTH_SHARING = 3e7;
// Rows that go through all layers together: few enough for their values to stay in the cache, and for an interruption
// not to wait for many multiply-adds.
constexpr int ROWS_TOGETHER = 512;
constexpr double PIECE = 1e9;

// body(from, to) over the rows of a batch in pieces of whole vectors, shared between the threads; false: interrupted.
template <class Body>
bool Trainer::each_row(int count, double work, const Body& body) {
  const bool shared = team_ && sharing_ && work * count > WORTH_SHARING && count > W;
  const int threads = shared ? team_->threads() : 1;
  int piece = ((count + threads - 1) / threads + W - 1) / W * W;
  const double most = PIECE / work < ROWS_TOGETHER ? PIECE / work : ROWS_TOGETHER;
  piece = piece < most ? piece : (static_cast<int>(most) + W) / W * W;
  struct Job {
    const Body& body;
    int count, piece, start;
    static void task(void* job, int number) {
      const auto& self = *static_cast<const Job*>(job);
      const int from = self.start + number * self.piece, to = from + self.piece;
      if (from < self.count) self.body(from, to < self.count ? to : self.count);
    }
  };
  for (int start = 0; start < count; start += piece * threads) {
    Job job{body, count, piece, start};
    if (shared)
      team_->share(threads, Job::task, &job);
    else
      Job::task(&job, 0);
    const int left = count - start;
    if (!tick(work * (left < piece * threads ? left : piece * threads))) return false;
  }
  return true;
}

// Once before the rows of a pass.
inline void Trainer::begin(const Batch& batch, bool training) {
  pass_.batch = &batch, pass_.rows = batch.count, pass_.training = training, pass_.step = step;
  for (auto& layer : layers_) layer->begin(pass_);
  for (Layer* layer : preparing_) layer->prepare(pass_);
  if (!stale_) return;
  for (auto& layer : layers_) layer->refresh(0, layer->parts());
  stale_ = false;
}

inline void Trainer::forward(int first, int end, int from, int to) {
  for (int i = first; i < end; i++) layers_[i]->forward(pass_, from, to);
}

// Losses and metrics of rows, each row's to its place in `row_values_`, and the error term of the scored signal.
inline void Trainer::score(const Batch& batch, int from, int to, bool errors) {
  const Rows& rows = batch.rows;
  const int outputs = scored_->units;
  for (int m = from; m < to; m += W) {
    const int block = to - m < W ? to - m : W;
    vec weights = all(1);
    ivec labels = {};
    for (int i = 0; rows.weight && i < block; i++) weights[i] = rows.weight[batch.place(m + i)];
    for (int i = 0; rows.labels && i < block; i++)
      labels[i] = static_cast<std::int32_t>(rows.labels[batch.place(m + i)]);
    for (int i = 0; rows.y && i < block; i++) {
      const float* y = rows.y + batch.place(m + i) * outputs;
      vec* target = targets_.at(m);
      for (int j = 0; j < outputs; j++)
        if (block == 1)
          target[j] = all(y[j]);
        else
          target[j][i] = y[j];
    }
    score_block(m, block, rows.y ? targets_.at(m) : nullptr, labels, weights, batch.count, errors);
  }
  for (const Layer* layer : active_)
    for (int i = from; i < to; i++) row_values_.data()[i] += layer->activity()[i];
}

// At most W rows from row m on: losses and metrics to `row_values_`, their error to the scored signal.
inline void Trainer::score_block(int m, int block, const vec* y, ivec labels, vec weights, int count, bool errors) {
  const int outputs = scored_->units;
  vec* out = outputs_.at(m);
  rows_to_lanes(scored_->value_of(m), scored_->ld, block, outputs, out);
  const vec share = weights / static_cast<float>(count);
  Scored rows = {outputs, logits_, out, linked_values_.at(m), y, labels, &loss_part_, share};
  vec* error = errors ? errors_.at(m) : nullptr;
  store(row_values_.data() + m, weights * loss_(rows, error));
  if (linked_) rows.out = rows.linked;
  for (int k = 0; k < metric_count_; k++) {
    const Scoring& metric = metrics_[static_cast<std::size_t>(k)];
    rows.part = &metric.spec.part, rows.logits = metric.logits;
    if (metric.logits) rows.linked = unlinked_.at(m);
    if (metric.of_row) store(row_values_.data() + (k + 1) * padded(most_rows_) + m, metric.of_row(rows));
  }
  if (!errors) return;
  lanes_to_rows(error, block, outputs, scored_->error_of(m), scored_->ld);
  for (int i = m; scored_->slope.data() && i < m + block; i++)
    for (int n = 0; n < padded(outputs); n += W)
      store(scored_->error_of(i) + n, load(scored_->error_of(i) + n) * load(scored_->slope_of(i) + n));
}

// The user's loss of a batch whose outputs are there, on top of what else its rows have lost, and the error term of the
// scored signal; false: interrupted.
inline bool Trainer::ask(const Batch& batch, bool errors) {
  const int outputs = scored_->units;
  float* const out = asked_.data();
  float* const gradient = out + static_cast<long>(batch.count) * outputs;
  float* const losses = gradient + static_cast<long>(batch.count) * outputs;
  for (long i = 0; i < batch.count; i++)
    std::memcpy(out + i * outputs, scored_->value_of(i), static_cast<std::size_t>(outputs) * sizeof(float));
  if (!listener_->loss(batch.rows, {batch.order, batch.from, batch.count}, out, losses, gradient)) return false;
  for (int i = 0; i < batch.count; i++) {
    const float weight = batch.rows.weight ? batch.rows.weight[batch.place(i)] : 1;
    row_values_.data()[i] += weight * losses[i];
    if (!errors) continue;
    const float share = weight / static_cast<float>(batch.count);
    const float* slope = scored_->slope_of(i);
    for (int j = 0; j < outputs; j++)
      scored_->error_of(i)[j] = gradient[static_cast<long>(i) * outputs + j] * share * (slope ? slope[j] : 1);
  }
  return true;
}

// The error term goes from layer to layer, last first.
inline void Trainer::backward(int first, int end, int from, int to) {
  for (int i = end; i-- > first && layers_[i]->out->error.data();) layers_[i]->backward(pass_, from, to);
}

// All rows forward, the loss, and the error term back: in one stretch, or in several where rows meet; false:
// interrupted.
inline bool Trainer::propagate(const Batch& batch) {
  const int* cuts = cuts_.data();
  if (!apart_)
    return each_row(batch.count, 2 * work_, [&](int from, int to) {
      gather(batch, from, to);
      forward(0, cuts[1], from, to);
      score(batch, from, to, true);
      backward(0, cuts[1], from, to);
    });
  // The layer at which a stretch begins is met before it goes forward, and again before it goes back.
  const auto inner = [&](int s) { return cuts[s] + (s > 0 ? 1 : 0); };
  for (int s = 0; s < stretches_; s++) {
    if (s > 0 && !meet(*layers_[cuts[s]], false)) return false;
    const bool done = each_row(batch.count, 2 * work_, [&](int from, int to) {
      if (s == 0) gather(batch, from, to);
      forward(cuts[s], cuts[s + 1], from, to);
      if (s + 1 < stretches_) return;
      score(batch, from, to, !asks_);
      if (!asks_) backward(inner(s), cuts[s + 1], from, to);
    });
    if (!done) return false;
  }
  if (asks_) {
    const int last = stretches_ - 1;
    const auto back = [&](int from, int to) { backward(inner(last), cuts[last + 1], from, to); };
    if (!ask(batch, true) || !each_row(batch.count, work_, back)) return false;
  }
  for (int s = stretches_ - 1; s > 0; s--) {
    if (!meet(*layers_[cuts[s]], true)) return false;
    const auto back = [&](int from, int to) { backward(inner(s - 1), cuts[s] + 1, from, to); };
    if (!each_row(batch.count, work_, back)) return false;
  }
  return true;
}

// All rows at a layer, its units shared between the threads; false: interrupted.
inline bool Trainer::meet(Layer& layer, bool back) {
  struct Job {
    Layer& layer;
    const Pass& pass;
    bool back;
    int vectors, tasks;
    static void task(void* job, int number) {
      const auto& [layer, pass, back, vectors, tasks] = *static_cast<const Job*>(job);
      const int from = vectors * number / tasks, to = vectors * (number + 1) / tasks;
      back ? layer.meet_back(pass, from, to) : layer.meet(pass, from, to);
    }
  };
  const bool shared = team_ && sharing_ && work_ * pass_.rows > WORTH_SHARING;
  const int vectors = layer.in->vectors(), threads = shared ? team_->threads() : 1;
  Job job{layer, pass_, back, vectors, vectors < threads ? vectors : threads};
  if (shared)
    team_->share(job.tasks, Job::task, &job);
  else
    Job::task(&job, 0);
  return tick(static_cast<double>(layer.in->units) * pass_.rows);
}

// Each array's gradient and step, the arrays shared between the threads; false: interrupted.
inline bool Trainer::learn() {
  struct Job {
    const Trainer& self;
    int start;
    static void task(void* job, int number) {
      const auto& [self, start] = *static_cast<const Job*>(job);
      const Lesson& lesson = self.lessons_[static_cast<std::size_t>(start + number)];
      lesson.layer->learn(self.pass_, lesson.from, lesson.to);
    }
  };
  const bool shared = team_ && sharing_ && work_ * pass_.rows > WORTH_SHARING;
  const int lessons = static_cast<int>(lessons_.size());
  const bool long_ones = work_ * pass_.rows > LESSON_WORK * lessons / 2;
  const int group = long_ones ? (shared ? team_->threads() : 1) : 1024;
  for (int start = 0; start < lessons; start += group) {
    Job job{*this, start};
    const int tasks = lessons - start < group ? lessons - start : group;
    if (shared)
      team_->share(tasks, Job::task, &job);
    else
      for (int i = 0; i < tasks; i++) Job::task(&job, i);
    if (!tick(work_ * pass_.rows * tasks / lessons)) return false;
  }
  return true;
}

// The batch's mean loss, and the sums of the epoch: always in the order of the rows. NaN where a function of the user's
// failed.
inline double Trainer::add_up(const Batch& batch, Sums& sums) {
  double loss = 0;
  for (int i = 0; i < batch.count; i++) loss += static_cast<double>(row_values_.data()[i]);
  sums.loss += loss, sums.rows += batch.count;
  if (metric_count_ && !add_metrics(batch)) return __builtin_nan("");
  return loss / batch.count;
}

inline bool Trainer::add_metrics(const Batch& batch) {
  double* terms = terms_.data();
  const Lanes& lanes = linked_ ? linked_values_ : outputs_;
  for (int k = 0; k < metric_count_; k++) {
    const Scoring& metric = metrics_[static_cast<std::size_t>(k)];
    const float* weights = metric.spec.weighted ? batch.rows.weight : nullptr;
    const float* of_row = row_values_.data() + (k + 1) * padded(most_rows_);
    for (int i = 0; i < batch.count; i++) {
      const double weight = weights ? static_cast<double>(weights[batch.place(i)]) : 1;
      if (metric.of_row)
        terms[0] += weight * static_cast<double>(of_row[i]), terms[1] += weight;
      else if (metric.tally)
        metric.tally(metric.spec,
                     {scored_->units, i % W, lanes.at(i), batch.rows.y ? targets_.at(i) : nullptr,
                      batch.rows.labels ? batch.rows.labels[batch.place(i)] : 0, weight},
                     terms);
    }
    terms += metric.spec.terms;
  }
  return !function_count_ || !listener_ || hand_out(batch);
}

// The batch's outputs to the functions of the user's.
inline bool Trainer::hand_out(const Batch& batch) {
  const int outputs = scored_->units;
  const Lanes& lanes = linked_ ? linked_values_ : outputs_;
  for (int i = 0; i < batch.count; i++)
    for (int j = 0; j < outputs; j++) handed_out_.data()[static_cast<long>(i) * outputs + j] = lanes.at(i)[j][i % W];
  double* terms = terms_.data();
  std::vector<double*> of_functions;
  for (const Scoring& metric : metrics_) {
    for (int t = 0; !metric.of_row && !metric.tally && t < metric.spec.terms; t++) of_functions.push_back(terms + t);
    terms += metric.spec.terms;
  }
  cut_off_ = !listener_->score(validating_, {batch.order, batch.from, batch.count}, handed_out_.data(),
                               of_functions.data(), static_cast<int>(of_functions.size()));
  return !cut_off_;
}

// The sum of f(w) over an array, in float along a row, or a stretch of a long one, and in double over them.
template <class F>
static double sum_over(const float* from, const Array& array, F f) {
  constexpr int STRETCH = 8192;
  const int columns = padded(array.columns);
  double total = 0;
  for (int i = 0; i < array.rows; i++)
    for (int start = 0; start < columns; start += STRETCH) {
      vec stretch = {};
      for (int n = start; n < columns && n < start + STRETCH; n += W) stretch += f(load(from + i * array.ld + n));
      total += static_cast<double>(sum(stretch));
    }
  return total;
}

// R(W) = sum over the arrays that move of l1 |w| + l2 w^2
inline double Trainer::penalty() const {
  double total = 0;
  for (const Array* array : arrays_) {
    if (!array->trainable) continue;
    if (array->l1 != 0)
      total += static_cast<double>(array->l1) * sum_over(array->w, *array, [](vec w) { return abs(w); });
    if (array->l2 != 0)
      total += static_cast<double>(array->l2) * sum_over(array->w, *array, [](vec w) { return w * w; });
  }
  return total;
}

inline bool Trainer::step_on(const Batch& batch, Sums& sums, double& loss) {
  optimizer_.begin(learning_rate, step + 1);
  begin(batch, true);
  const double added = penalised_ ? penalty() : 0;
  if (!propagate(batch) || !learn()) return false;
  loss = add_up(batch, sums) + added;
  sums.loss += added * batch.count;
  if (ends_apart_ && !end_step()) return false;
  for (Layer* layer : settling_) layer->settle();
  step++;
  return true;
}

// What is left of a step once the gradients are there; false: interrupted.
inline bool Trainer::end_step() {
  if (optimizer_.store_only && !clip_and_step()) return false;
  return !optimizer_.averages() || average();
}

// a <- momentum a + (1 - momentum) w after each step, every so many steps w <- a.  false: interrupted.
inline bool Trainer::average() {
  const std::int64_t t = step + 1;
  const double momentum = optimizer_.ema_momentum(t);
  const auto kept = static_cast<float>(momentum), rest = static_cast<float>(1 - momentum);
  const bool overwrites = optimizer_.part.numbers[Step::EMA_OVERWRITE_FREQUENCY] >= 1 &&
                          t % static_cast<std::int64_t>(optimizer_.part.numbers[Step::EMA_OVERWRITE_FREQUENCY]) == 0;
  for (const Array* array : arrays_) {
    if (!array->trainable) continue;
    float* const w = array->w;
    float* const a = array->slot[slots_ - 1];
    const bool done = each_row(array->rows, static_cast<double>(array->columns), [&](int from, int to) {
      for (long i = from * array->ld; i < to * array->ld; i += W) {
        const vec moved = kept * load(a + i) + rest * load(w + i);
        store(a + i, moved);
        if (overwrites) store(w + i, moved);
      }
    });
    if (!done) return false;
  }
  stale_ = stale_ || overwrites;
  return true;
}

// The squared norm of a stored gradient, in double: what is to be clipped may be huge.
static double square_of(const Array& array) {
  typedef double wide __attribute__((vector_size(8 * W)));
  wide total = {};
  for (long i = 0; i < array.size(); i += W) {
    const wide g = __builtin_convertvector(load(array.gradient + i), wide);
    total += g * g;
  }
  double sum = 0;
  for (int i = 0; i < W; i++) sum += total[i];
  return sum;
}

// Gradients cut at a value, or scaled down where their norm is too large, each array's own or all arrays' together;
// then the step; false: interrupted.
inline bool Trainer::clip_and_step() {
  const auto limit_of = [&](int number) {
    return optimizer_.has(number) ? optimizer_.part.numbers[number] : __builtin_inf();
  };
  const auto scale_of = [](double limit, double square) {
    const double norm = std::sqrt(square);
    return static_cast<float>(norm > limit ? limit / norm : 1.0);
  };
  const float value = static_cast<float>(limit_of(Step::CLIPVALUE));
  float scale = 1;
  if (optimizer_.has(Step::GLOBAL_CLIPNORM)) {
    double square = 0;
    for (const Array* array : arrays_)
      if (array->trainable) square += square_of(*array);
    scale = scale_of(limit_of(Step::GLOBAL_CLIPNORM), square);
  }
  for (const Array* array : arrays_) {
    if (!array->trainable) continue;
    if (optimizer_.has(Step::CLIPNORM)) scale = scale_of(limit_of(Step::CLIPNORM), square_of(*array));
    const Clip clip = {scale, value};
    if (array->orthogonal()) {
      if (!muon_.step(optimizer_.of(*array), *array, clip, EachRow{*this})) return false;
      continue;
    }
    Array plain = *array;
    plain.l1 = plain.l2 = 0;  // regularisation has joined the stored gradient
    constexpr int AT_ONCE = 8;
    for (int i = 0; i < plain.rows; i++)
      for (int n = 0; n < padded(plain.columns); n += AT_ONCE * W) {
        const int left = (padded(plain.columns) - n) / W, vectors = left < AT_ONCE ? left : AT_ONCE;
        vec g[AT_ONCE];
        for (int j = 0; j < vectors; j++) g[j] = clip(load(plain.gradient + i * plain.ld + n + W * j));
        optimizer_.rule.step_block(optimizer_, plain, i, n, 1, vectors, g);
      }
  }
  stale_ = true;
  return true;
}

// Whether every weight is.
inline bool Trainer::finite() const {
  for (const Array* array : arrays_) {
    vec nothing = {};
    for (long i = 0; i < array->size(); i += W) nothing += load(array->w + i) * 0.0f;
    if (!(sum(nothing) == 0)) return false;
  }
  return true;
}

// Every number that a schedule rules, for the coming step; false: one of them failed.
inline bool Trainer::follow_schedules() {
  if (step < ahead_from_ || step >= ahead_from_ + ahead_known_) {
    ahead_.resize(static_cast<std::size_t>(scheduled()) * MOST_AHEAD);
    ahead_from_ = step, ahead_known_ = listener_->ahead(step, ahead_.data());
    if (ahead_known_ == 0) return false;
  }
  const double* value = ahead_.data() + (step - ahead_from_);
  for (const int number : optimizer_.scheduled) {
    if (number == Step::LEARNING_RATE) learning_rate = *value;
    optimizer_.follow(number, *value), value += MOST_AHEAD;
  }
  for (Dropout* dropout : scheduled_) dropout->set_rate(static_cast<float>(*value)), value += MOST_AHEAD;
  return true;
}

inline Status Trainer::fit(const Chosen& rows, const Chosen& validation, const Schedule& schedule, Listener& listener,
                           Outcome& outcome) {
  listener_ = &listener, polled_ = Clock::now();
  const auto begun = polled_;
  const bool follows = scheduled() > 0;
  optimizer_.store_only = optimizer_.clips() || optimizer_.rule.whole;
  ends_apart_ = optimizer_.store_only || optimizer_.averages();
  if (optimizer_.store_only && !reserve_gradients()) return Status::out_of_memory;
  if (optimizer_.rule.whole && !muon_.reserve(arrays_)) return Status::out_of_memory;
  if (schedule.shuffle && !order_.reserve(static_cast<std::size_t>(rows.count))) return Status::out_of_memory;
  if (!kept_.reserve(parameters_.bytes() / sizeof(float))) return Status::out_of_memory;
  if (schedule.keeps_best && !best_.reserve(weights_size())) return Status::out_of_memory;
  std::int64_t kept_step = step;
  double kept_rate = learning_rate;
  const auto keep = [&] {
    std::memcpy(kept_.data(), parameters_.data(), parameters_.bytes());
    kept_step = step, kept_rate = learning_rate;
  };
  const auto end = [&](Status status) {
    if (status == Status::interrupted || status == Status::diverged) {
      parameters_.swap(kept_);
      lay_out(), stale_ = true;
      step = kept_step, learning_rate = kept_rate;
    }
    listener_ = nullptr, running_ = nullptr;
    return status;
  };
  keep();
  const bool tries = team_ && work_ * static_cast<double>(schedule.batch_size) < SURELY_WORTH_SHARING;
  const auto width = static_cast<std::int64_t>(told_.bytes() / sizeof(double));
  const Chosen ordered = {rows.rows, schedule.shuffle ? order_.data() : rows.places, rows.count};
  double least = schedule.least;
  std::int64_t waited = schedule.waited;
  validating_ = cut_off_ = false;
  for (std::int64_t epoch = schedule.first_epoch; epoch < schedule.epochs; epoch++) {
    if (std::chrono::duration<double>(Clock::now() - begun).count() >= schedule.seconds) return end(Status::stopped);
    if (listener.hears_epochs && !listener.epoch_begin(epoch)) return end(Status::interrupted);
    if (schedule.shuffle)
      shuffle(order_.data(), rows.places, rows.count, schedule.seed, static_cast<std::uint64_t>(epoch));
    Sums sums;
    clear_terms();
    running_ = &sums, step_of_epoch_ = 0;
    // An epoch has at least one step, also where a listener asked to stop before it.
    const auto goes_on = [&](std::int64_t from) { return from < rows.count && !(listener.stop && from > 0); };
    for (std::int64_t from = 0; goes_on(from); from += schedule.batch_size, step_of_epoch_++) {
      double loss = 0;
      if (listener.hears_batches && !listener.batch_begin(step_of_epoch_)) return end(Status::interrupted);
      if (follows && !follow_schedules()) return end(Status::interrupted);
      if (tries) sharing_ = pace_.begin_step();
      if (!step_on(batch_of(ordered, from, schedule.batch_size), sums, loss)) return end(Status::interrupted);
      if (tries) pace_.end_step();
      if (!(loss - loss == 0)) {
        if (cut_off_) return end(Status::interrupted);
        outcome.failed_step = step_of_epoch_;
        return end(Status::diverged);
      }
      if (!listener.hears_batches) continue;
      tell(sums, told_.data());
      if (!listener.batch_end(step_of_epoch_, told_.data())) return end(Status::interrupted);
    }
    if (!finite()) {  // the last step's work, which no loss has seen
      outcome.failed_step = step_of_epoch_ - 1;
      return end(Status::diverged);
    }
    double* const values = outcome.training + outcome.epochs_done * width;
    double* const scores = validation.rows ? outcome.validation + outcome.epochs_done * width : nullptr;
    tell(sums, values);
    running_ = nullptr;
    const bool of_averages = schedule.keeps_best && optimizer_.averages();
    if (scores && !score_all(validation, schedule.scoring_rows, scores, of_averages)) return end(Status::interrupted);
    if (scores && schedule.keeps_best) {
      const double loss = scores[1] / scores[0];
      waited++;
      if (loss < least) keep_best(of_averages), least = loss, waited = 0, outcome.best_epoch = epoch;
    }
    outcome.epochs_done++;
    const bool heard = !listener.hears_epochs || listener.epoch_end(epoch, values, scores);
    keep();
    if (!heard) return end(Status::interrupted);
    const bool given_up = schedule.patience > 0 && waited >= schedule.patience && epoch + 1 < schedule.epochs;
    if (listener.stop || given_up) return end(Status::stopped);
  }
  return end(Status::finished);
}

// The averages of the weights change places with the weights, or back.
inline void Trainer::swap_averages() {
  for (Array* array : arrays_)
    if (array->trainable) std::swap(array->w, array->slot[slots_ - 1]);
  stale_ = true;
}

inline void Trainer::keep_best(bool of_averages) {
  float* to = best_.data();
  for (const Array* array : arrays_) {
    const float* from = of_averages && array->trainable ? array->slot[slots_ - 1] : array->w;
    std::memcpy(to, from, static_cast<std::size_t>(array->size()) * sizeof(float));
    to += array->size();
  }
}

// In batches of so many rows, on which only a function of the user's depends; with the weights or with their averages.
inline bool Trainer::score_all(const Chosen& rows, std::int64_t scoring_rows, double* out, bool of_averages) {
  Sums sums;
  clear_terms();
  validating_ = true;
  if (of_averages) swap_averages();
  for (std::int64_t start = 0; start < rows.count; start += scoring_rows) {
    const Batch batch = batch_of(rows, start, scoring_rows);
    begin(batch, false);
    const bool done = each_row(batch.count, work_, [&](int from, int to) {
      gather(batch, from, to);
      forward(0, cuts_.data()[stretches_], from, to);
      score(batch, from, to, false);
    });
    if (!done || (asks_ && !ask(batch, false))) return false;
    add_up(batch, sums);
    if (cut_off_) return false;
  }
  sums.loss += penalty() * static_cast<double>(sums.rows);
  if (of_averages) swap_averages();
  tell(sums, out);
  validating_ = false;
  return true;
}

inline bool Trainer::evaluate(const Rows& rows, std::int64_t scoring_rows, Listener& listener, double* sums) {
  listener_ = &listener, polled_ = Clock::now();
  cut_off_ = false;
  const bool done = score_all({&rows, nullptr, rows.count}, scoring_rows, sums, false);
  listener_ = nullptr;
  return done;
}

inline bool Trainer::predict(const Rows& rows, float* out, Listener& listener) {
  listener_ = &listener, polled_ = Clock::now();
  const Signal& output = *signals_.back();
  const std::int64_t orders = rows.exchange ? rows.exchange->orders : 1;
  const std::int64_t at_once = orders < most_rows_ ? most_rows_ / orders * orders : most_rows_;
  pass_.alike = static_cast<int>(orders < most_rows_ ? orders : most_rows_);
  for (std::int64_t start = 0; start < rows.count; start += at_once) {
    const Batch batch = batch_of({&rows, nullptr, rows.count}, start, at_once);
    begin(batch, false);
    const bool done = each_row(batch.count, work_, [&](int from, int to) {
      gather(batch, from, to);
      forward(0, static_cast<int>(layers_.size()), from, to);
      for (int i = from; i < to; i++)
        std::memcpy(out + (start + i) * output.units, output.value_of(i), output.units * sizeof(float));
    });
    if (!done) {
      listener_ = nullptr;
      return false;
    }
  }
  listener_ = nullptr;
  return true;
}

inline bool Trainer::reserve_gradients() {
  if (!gradients_.reserve(weights_size())) return false;
  float* at = gradients_.data();
  for (Array* array : arrays_) array->gradient = at, at += array->size();
  return true;
}

// Loss and whole gradients of one batch, nothing stepped.
inline bool Trainer::gradients(const Rows& rows, Listener& listener, double& loss) {
  if (!reserve_gradients()) return false;
  listener_ = &listener, polled_ = Clock::now();
  optimizer_.store_only = true;
  Sums sums;
  const Batch batch = batch_of({&rows, nullptr, rows.count}, 0, rows.count);
  const bool ready = scheduled() == 0 || follow_schedules();
  if (ready) begin(batch, true);
  const bool done = ready && propagate(batch) && learn();
  listener_ = nullptr;
  if (!done) return false;
  loss = add_up(batch, sums) + penalty();
  return true;
}

}  // namespace tabgrad::TABGRAD_ISA
