// The binding: checks what comes from Python, picks the instruction set, lets the GIL go.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "program.hpp"
#include "team.hpp"

namespace nb = nanobind;

namespace tabgrad {

Listener::~Listener() = default;
Run::~Run() = default;

namespace {

using Floats = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;
using Labels = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Codes = nb::ndarray<const std::int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Orders = nb::ndarray<const std::uint32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Indices = nb::ndarray<const std::uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

std::vector<const Kernels*> available() {
  std::vector<const Kernels*> found;
#if defined(TABGRAD_HAVE_AVX512)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("bmi2"))
    found.push_back(&kernels_avx512);
#endif
#if defined(TABGRAD_HAVE_AVX2)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
    found.push_back(&kernels_avx2);
#endif
  found.push_back(&kernels_baseline);
  return found;
}

// An array as it is: a converted copy would be gone before the kernels read it.
template <class Array>
Array plain(const nb::handle& object, const char* what) {
  try {
    return nb::cast<Array>(object, false);
  } catch (const nb::cast_error&) {
    throw std::invalid_argument(std::string(what) +
                                " must be float32 (labels int64, codes int32, places uint32) in C order");
  }
}

// Hands an owned array to NumPy.
template <class T>
nb::ndarray<nb::numpy, T> numpy(std::unique_ptr<T[]> data, std::vector<std::size_t> shape) {
  T* raw = data.release();
  nb::capsule owner(raw, [](void* p) noexcept { std::unique_ptr<T[]>(static_cast<T*>(p)); });
  return nb::ndarray<nb::numpy, T>(raw, shape.size(), shape.data(), owner);
}

template <class T>
std::unique_ptr<T[]> copied(const T* from, std::size_t count) {
  std::unique_ptr<T[]> copy(new T[count]);
  std::copy_n(from, count, copy.get());
  return copy;
}

// Enters Python where somebody listens; what Python raises there is kept and ends the run.
struct PythonListener final : Listener {
  nb::object on_epoch_begin, on_epoch_end, on_batch_begin, on_batch_end, on_progress, on_loss, on_score, on_ahead;
  nb::object failure;
  const std::atomic<bool>* cancelled = nullptr;
  int width = 0, outputs = 0, scheduled = 0;

  template <class Body>
  bool enter(Body body) {
    nb::gil_scoped_acquire gil;
    try {
      body();
    } catch (nb::python_error& error) {
      failure = nb::borrow(error.value());
      return false;
    } catch (const std::exception& error) {
      PyErr_SetString(PyExc_RuntimeError, error.what());
      failure = nb::borrow(nb::python_error().value());
      return false;
    }
    return true;
  }
  nb::object list(const double* values) const {
    if (!values) return nb::none();
    nb::list all;
    for (int i = 0; i < width; i++) all.append(values[i]);
    return all;
  }
  bool epoch_begin(std::int64_t epoch) override {
    return on_epoch_begin.is_none() || enter([&] { on_epoch_begin(epoch); });
  }
  bool epoch_end(std::int64_t epoch, const double* training, const double* validation) override {
    return on_epoch_end.is_none() || enter([&] { on_epoch_end(epoch, list(training), list(validation)); });
  }
  bool batch_begin(std::int64_t step) override {
    return on_batch_begin.is_none() || enter([&] { on_batch_begin(step); });
  }
  bool batch_end(std::int64_t step, const double* running) override {
    return on_batch_end.is_none() || enter([&] { on_batch_end(step, list(running)); });
  }
  bool poll(std::int64_t step, const double* running) override {
    if (cancelled && *cancelled) return false;
    return enter([&] {
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
      if (running && !on_progress.is_none()) on_progress(step, list(running));
    });
  }
  int ahead(std::int64_t step, double* values) override {
    std::size_t count = 0;
    const bool entered = enter([&] {
      const auto known = plain<nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>>(
          on_ahead(step), "what schedules give");
      if (known.shape(0) != static_cast<std::size_t>(scheduled) || known.shape(1) < 1)
        throw std::invalid_argument("schedules gave too few values");
      count = std::min<std::size_t>(known.shape(1), MOST_AHEAD);
      for (std::size_t i = 0; i < known.shape(0); i++)
        std::copy_n(known.data() + i * known.shape(1), count, values + i * MOST_AHEAD);
    });
    return entered ? static_cast<int>(count) : 0;
  }
  nb::object order_of(const Places& places) const {
    const auto count = static_cast<std::size_t>(places.count);
    return places.order ? nb::cast(numpy(copied(places.order + places.first, count), {count})) : nb::none();
  }
  nb::object outputs_of(const float* out, std::int64_t rows) const {
    const auto count = static_cast<std::size_t>(rows), columns = static_cast<std::size_t>(outputs);
    return nb::cast(numpy(copied(out, count * columns), {count, columns}));
  }
  bool loss(const Rows& rows, const Places& places, const float* out, float* losses, float* gradient) override {
    return enter([&] {
      const auto count = static_cast<std::size_t>(places.count), size = count * static_cast<std::size_t>(outputs);
      const nb::handle target(static_cast<PyObject*>(const_cast<void*>(rows.target)));
      const auto both =
          nb::cast<nb::tuple>(on_loss(target, places.first, order_of(places), outputs_of(out, places.count)));
      if (both.size() != 2) throw std::invalid_argument("a loss must be two arrays");
      const auto lost = plain<Floats>(both[0], "losses"), slope = plain<Floats>(both[1], "a gradient");
      if (lost.size() != count || slope.size() != size) throw std::invalid_argument("a loss has the wrong shape");
      std::copy_n(lost.data(), count, losses);
      std::copy_n(slope.data(), size, gradient);
    });
  }
  bool score(bool validation, const Places& places, const float* out, double* const* terms, int term_count) override {
    return enter([&] {
      const auto added = nb::cast<std::vector<double>>(
          on_score(validation, places.first, order_of(places), outputs_of(out, places.count)));
      if (added.size() != static_cast<std::size_t>(term_count))
        throw std::invalid_argument("the functions made another number of terms");
      for (std::size_t i = 0; i < added.size(); i++) *terms[i] += added[i];
    });
  }
};

// For threads that must not enter Python: hears nothing and never ends what runs.
struct Deaf final : Listener {
  bool epoch_begin(std::int64_t) override { return true; }
  bool epoch_end(std::int64_t, const double*, const double*) override { return true; }
  bool batch_begin(std::int64_t) override { return true; }
  bool batch_end(std::int64_t, const double*) override { return true; }
  bool poll(std::int64_t, const double*) override { return true; }
  int ahead(std::int64_t, double*) override { return 0; }
  bool loss(const Rows&, const Places&, const float*, float*, float*) override { return false; }
  bool score(bool, const Places&, const float*, double* const*, int) override { return false; }
};

// The outputs of several networks over rows [from, to): a task is a program's part of these rows, and the programs are
// one of each network, then others that stand in for them. With `exchange` each network has rows and terms of its own,
// one network's behind the other's.
struct Predictions {
  std::vector<Run*> runs;
  std::int64_t networks, inputs, code_columns, outputs;
  Rows rows;
  float* out;  // (networks, rows, orders, outputs)
  std::int64_t from = 0, to = 0;

  int tasks() const { return static_cast<int>(runs.size()); }
  std::int64_t orders() const { return rows.exchange ? rows.exchange->orders : 1; }
  static void task(void* job, int number) {
    const auto& self = *static_cast<const Predictions*>(job);
    const std::int64_t network = number % self.networks, part = number / self.networks;
    const std::int64_t parts = self.tasks() / self.networks, count = self.to - self.from;
    const std::int64_t first = self.from + count * part / parts, end = self.from + count * (part + 1) / parts;
    Rows some = {self.rows.x + first * self.inputs, nullptr, nullptr, nullptr, (end - first) * self.orders()};
    if (self.rows.codes) some.codes = self.rows.codes + first * self.code_columns;
    Exchange exchange = {};
    if (self.rows.exchange) {
      const std::int64_t before = network * self.rows.count * self.inputs;
      exchange = *self.rows.exchange;
      exchange.terms += before, exchange.first = first;
      some.x += before, some.exchange = &exchange;
    }
    Deaf listener;
    self.runs[static_cast<std::size_t>(number)]->predict(
        some, self.out + (network * self.rows.count + first) * self.orders() * self.outputs, listener);
  }
};
// Rows of a part between two looks at whether Ctrl-C was pressed.
constexpr std::int64_t ROWS_OF_A_PART = 2048;

const char* name_of(Status status) {
  switch (status) {
    case Status::finished: return "finished";
    case Status::stopped: return "stopped";
    case Status::interrupted: return "interrupted";
    default: return "diverged";
  }
}

template <class Spec>
void copy_numbers(Spec& spec, const std::vector<double>& numbers) {
  if (numbers.size() > MOST_NUMBERS) throw std::invalid_argument("a part has too many numbers");
  for (std::size_t i = 0; i < numbers.size(); i++)
    spec.numbers[i] = static_cast<std::remove_reference_t<decltype(spec.numbers[0])>>(numbers[i]);
}

// A program and its weights; the Python side makes one for each call.
class Program {
 public:
  Program(const std::string& isa, int inputs, const nb::list& layers, const nb::object& loss, bool linked, bool labels,
          const nb::list& metrics, const nb::object& optimizer, std::int64_t most_rows, int threads)
      : inputs_(inputs), outputs_(inputs), labels_(labels), most_rows_(most_rows) {
    if (inputs < 0 || inputs > 1 << 28 || most_rows < 1 || most_rows > 1 << 24 || threads < 1 || threads > 1024)
      throw std::invalid_argument("inputs, most_rows or threads out of range");
    std::vector<LayerSpec> specs;
    for (nb::handle item : layers) {
      const auto layer = nb::cast<nb::tuple>(item);
      if (layer.size() != 8) throw std::invalid_argument("a layer must be 8 values");
      LayerSpec spec = {};
      spec.kind = stored(nb::cast<std::string>(layer[0]));
      spec.units = nb::cast<int>(layer[1]), spec.index = nb::cast<int>(layer[2]);
      spec.seed = nb::cast<std::uint64_t>(layer[3]), spec.trainable = nb::cast<bool>(layer[4]);
      copy_numbers(spec, nb::cast<std::vector<double>>(layer[5]));
      const auto& constants = constants_.emplace_back(nb::cast<std::vector<float>>(layer[6]));
      spec.constants = constants.data();
      const auto& sizes = sizes_.emplace_back(nb::cast<std::vector<int>>(layer[7]));
      spec.sizes = sizes.data(), spec.size_count = static_cast<int>(sizes.size());
      if (spec.units < 1) throw std::invalid_argument("a layer has no units");
      if (std::string(spec.kind) == "embedding") take_tables(sizes, spec, outputs_);
      if (std::string(spec.kind) == "piecewise_linear_embedding") check_knots(constants, sizes, spec, outputs_);
      if (std::string(spec.kind) == "periodic_embedding") check_waves(spec, outputs_);
      if (outputs_ < 1 && cardinalities_.empty()) throw std::invalid_argument("a layer has no inputs");
      if (std::string(spec.kind) == "affine" && constants.size() != 3 * static_cast<std::size_t>(spec.units))
        throw std::invalid_argument("a layer has the wrong number of constants");
      if (static_cast<double>(spec.units) * static_cast<double>(most_rows) > 2e9)
        throw std::invalid_argument("batch_size times units must stay below 2e9: take a smaller batch_size");
      if (std::string(spec.kind) == "exchange") {
        if (!specs.empty() || !loss.is_none())
          throw std::invalid_argument("an exchange is the first layer of a prediction");
        exchanges_ = true;
      }
      outputs_ = spec.units;
      specs.push_back(spec);
    }
    std::vector<MetricSpec> metric_specs;
    for (nb::handle item : metrics) metric_specs.push_back(metric(nb::borrow(item)));
    if (metric_specs.size() > MOST_METRICS) throw std::invalid_argument("the native engine takes at most 64 metrics");
    for (const MetricSpec& spec : metric_specs) width_ += spec.terms;
    trains_ = !loss.is_none();
    asks_ = trains_ && nb::cast<std::string>(nb::cast<nb::tuple>(loss)[0]) == "function";
    const ProgramSpec program = {
        inputs, specs.data(),        static_cast<int>(specs.size()),        trains_ ? part(loss) : PartSpec{},
        linked, metric_specs.data(), static_cast<int>(metric_specs.size()), trains_ ? part(optimizer) : PartSpec{}};
    const char* error = nullptr;
    for (const Kernels* kernels : available())
      if (isa == kernels->name) run_.reset(kernels->make(program, most_rows, threads, &error));
    if (error && std::string(error) == "memory") throw std::bad_alloc();
    if (error) throw std::invalid_argument(std::string("the native engine does not know '") + error + "'");
    if (!run_) throw std::invalid_argument("this processor has no instruction set '" + isa + "'");
  }

  // The array is to be such a matrix as it lies, or transposed, or in one long row.
  void orthogonalize(int array, int rows, int columns) {
    const ArrayShape shape = checked(array, -1);
    const auto is = [&](std::int64_t height, std::int64_t width) {
      return shape.rows == height && shape.columns == width;
    };
    const bool fits = is(rows, columns) || is(columns, rows) || is(1, static_cast<std::int64_t>(rows) * columns);
    if (rows < 1 || columns < 1 || !fits) throw std::invalid_argument("an array is no matrix of this shape");
    run_->orthogonalize(array, rows, columns);
  }
  // Values in C order, or in rows that lie further apart than they are long, as `take` gives them.
  void write(int array, int slot, const nb::ndarray<const float, nb::device::cpu>& values) {
    const ArrayShape shape = checked(array, slot);
    const auto rows = static_cast<std::size_t>(shape.rows), columns = static_cast<std::size_t>(shape.columns);
    std::int64_t dense = 1;
    bool contiguous = true;
    for (std::size_t axis = values.ndim(); axis-- > 0; dense *= static_cast<std::int64_t>(values.shape(axis)))
      contiguous = contiguous && (values.shape(axis) == 1 || values.stride(axis) == dense);
    const bool apart = values.ndim() == 2 && values.shape(0) == rows && values.shape(1) == columns &&
                       (columns == 1 || values.stride(1) == 1);
    if (values.size() != rows * columns || !(contiguous || apart))
      throw std::invalid_argument("an array has the wrong size or layout");
    run_->write(array, slot, values.data(), contiguous ? shape.columns : values.stride(0));
  }
  void scale_rates(int array, double rate, double decay) {
    require_training(), checked(array, -1);
    if (!(rate >= 0 && decay >= 0) || rate > 1e300 || decay > 1e300)
      throw std::invalid_argument("a factor of the learning rate or of the weight decay out of range");
    run_->scale_rates(array, rate, decay);
  }
  nb::object read(int array, int slot) const {
    const ArrayShape shape = checked(array, slot);
    auto data = std::make_unique<float[]>(size_of(shape));
    run_->read(array, slot, data.get());
    return nb::cast(numpy(std::move(data), {size_of(shape)}));
  }
  // Each array's weights and slots, (rows, columns) of the memory they lie in: no copy, and no run afterwards.
  nb::list take() {
    require_arrays();
    const auto places = places_of([&](int array, std::vector<float*>& of_array, std::int64_t& row) {
      for (int slot = -1; slot < run_->array_shape(array).slots; slot++)
        of_array.push_back(run_->place(array, slot, row));
    });
    taken_ = true;
    return views(places, run_->release());
  }
  // Likewise the weights of the best epoch; None: there is none.
  nb::object take_best() {
    require_arrays();
    if (!has_best_) return nb::none();
    const auto places = places_of([&](int array, std::vector<float*>& of_array, std::int64_t& row) {
      run_->place(array, -1, row);
      of_array.push_back(run_->best(array));
    });
    has_best_ = false;
    return views(places, run_->release_best());
  }
  nb::object gradient(int array) const {
    if (!has_gradients_) throw std::invalid_argument("no gradients were taken");
    const ArrayShape shape = checked(array, -1);
    auto data = std::make_unique<float[]>(size_of(shape));
    run_->gradient(array, data.get());
    return nb::cast(numpy(std::move(data), {size_of(shape)}));
  }

  nb::tuple fit(const Floats& x, const nb::object& codes, const nb::object& target, const nb::object& weight,
                const nb::object& validation, std::int64_t epochs, std::int64_t first_epoch, std::int64_t batch_size,
                bool shuffle, std::uint64_t seed, const nb::object& epoch_begin, const nb::object& epoch_end,
                const nb::object& batch_begin, const nb::object& batch_end, const nb::object& progress,
                const nb::object& loss, const nb::object& score, std::int64_t scoring_rows, const nb::object& ahead,
                const nb::object& places, const nb::object& held, const nb::object& stopping) {
    require_training();
    check_scoring(scoring_rows);
    const Rows rows = rows_of(x, codes, target, weight);
    const Chosen trained = chosen(rows, places, "places");
    Rows scored = {};
    Floats validation_x;
    nb::object validation_codes, validation_target, validation_weight;
    if (!validation.is_none()) {
      const auto parts = nb::cast<nb::tuple>(validation);
      if (parts.size() != 4) throw std::invalid_argument("validation must be x, codes, a target and weights");
      validation_x = plain<Floats>(parts[0], "x"), validation_codes = parts[1];
      validation_target = parts[2], validation_weight = parts[3];
      scored = rows_of(validation_x, validation_codes, validation_target, validation_weight);
    }
    if (!validation.is_none() && !held.is_none()) throw std::invalid_argument("validation rows are given twice");
    const bool validates = !validation.is_none() || !held.is_none();
    Chosen validated = {nullptr, nullptr, 0};
    if (validates) validated = held.is_none() ? Chosen{&scored, nullptr, scored.count} : chosen(rows, held, "held");
    Schedule schedule = {epochs, first_epoch, batch_size, shuffle, seed, scoring_rows, false, 0, HUGE_VAL, HUGE_VAL, 0};
    if (!stopping.is_none()) {
      const auto limits = nb::cast<nb::tuple>(stopping);
      if (limits.size() != 4) throw std::invalid_argument("stopping must be patience, seconds, least and waited");
      schedule.keeps_best = validates;
      schedule.patience = nb::cast<std::int64_t>(limits[0]);
      schedule.seconds = nb::cast<double>(limits[1]);
      schedule.least = nb::cast<double>(limits[2]);
      schedule.waited = nb::cast<std::int64_t>(limits[3]);
      if (schedule.patience < 0 || std::isnan(schedule.seconds) || (schedule.patience > 0 && !validates))
        throw std::invalid_argument("patience or seconds out of range");
      if (std::isnan(schedule.least) || schedule.waited < 0)
        throw std::invalid_argument("least or waited out of range");
    }
    if (batch_size < 1 || first_epoch < 0 || epochs < first_epoch || epochs - first_epoch > 1'000'000'000)
      throw std::invalid_argument("epochs or batch_size out of range");
    if (batch_size > most_rows_ && trained.count > most_rows_)
      throw std::invalid_argument("batch_size above the program's rows");
    if (rows.count > INT32_MAX) throw std::invalid_argument("more rows than the native engine can shuffle");
    PythonListener listener;
    listener.on_epoch_begin = epoch_begin, listener.on_epoch_end = epoch_end, listener.on_batch_begin = batch_begin;
    listener.on_batch_end = batch_end, listener.on_progress = progress;
    listener.hears_epochs = !epoch_begin.is_none() || !epoch_end.is_none();
    listener.hears_batches = !batch_begin.is_none() || !batch_end.is_none();
    prepare(listener, loss, ahead);
    listener.on_score = score, listener.cancelled = &cancelled_;
    const auto length = static_cast<std::size_t>(epochs - first_epoch), width = static_cast<std::size_t>(width_);
    // Room for every epoch that may come, untouched until it does; what is handed out is as long as the run was.
    const auto room = [](std::size_t size) { return std::unique_ptr<double[]>(new double[size]); };
    const auto training = room(length * width + 1), scores = room(validates ? length * width + 1 : 1);
    Outcome outcome = {training.get(), scores.get(), 0, -1, -1};
    Status status;
    {
      listening_ = &listener;
      nb::gil_scoped_release release;
      status = run_->fit(trained, validated, schedule, listener, outcome);
    }
    listening_ = nullptr;
    if (status == Status::out_of_memory) throw std::bad_alloc();
    has_best_ = outcome.best_epoch >= 0;
    const auto finished = static_cast<std::size_t>(outcome.epochs_done);
    nb::object failure = listener.failure.is_valid() ? listener.failure : nb::none();
    nb::object scored_values = nb::none();
    const auto trimmed = [&](const std::unique_ptr<double[]>& values) {
      auto copy = room(finished * width + 1);
      std::copy_n(values.get(), finished * width, copy.get());
      return nb::cast(numpy(std::move(copy), {finished, width}));
    };
    if (validates) scored_values = trimmed(scores);
    return nb::make_tuple(name_of(status), outcome.failed_step, trimmed(training), scored_values, failure,
                          outcome.best_epoch);
  }

  std::vector<double> evaluate(const Floats& x, const nb::object& codes, const nb::object& target,
                               const nb::object& weight, const nb::object& loss, const nb::object& score,
                               std::int64_t scoring_rows) {
    require_training();
    check_scoring(scoring_rows);
    const Rows rows = rows_of(x, codes, target, weight);
    PythonListener listener;
    prepare(listener, loss);
    listener.on_score = score;
    std::vector<double> sums(static_cast<std::size_t>(width_));
    quiet(listener, [&] { return run_->evaluate(rows, scoring_rows, listener, sums.data()); });
    return sums;
  }
  nb::object predict(const Floats& x, const nb::object& codes) {
    require_arrays();
    if (exchanges_) throw std::invalid_argument("a program is for another kind of rows");
    if (x.ndim() != 2 || x.shape(1) != static_cast<std::size_t>(inputs_))
      throw std::invalid_argument("x has the wrong width");
    const std::size_t count = x.shape(0), width = static_cast<std::size_t>(outputs_);
    const Rows rows = {
        x.data(), nullptr, nullptr, nullptr, static_cast<std::int64_t>(count), nullptr, codes_of(codes, count)};
    std::unique_ptr<float[]> out(new float[count * width + 1]);
    PythonListener listener;
    quiet(listener, [&] { return run_->predict(rows, out.get(), listener); });
    return nb::cast(numpy(std::move(out), {count, width}));
  }
  // The outputs of several networks of one shape over the same rows, each as its `predict` gives them. Programs beyond
  // those of the networks, once or several times as many, stand in for them: then threads share their rows too.
  static nb::object predict_many(const std::vector<Program*>& programs, std::int64_t networks, const Floats& x,
                                 const nb::object& codes, int threads) {
    Predictions predictions = predictions_of(programs, networks, threads, false);
    const Program& first = *programs[0];
    if (x.ndim() != 2 || x.shape(1) != static_cast<std::size_t>(first.inputs_))
      throw std::invalid_argument("x has the wrong width");
    const std::size_t count = x.shape(0);
    predictions.rows = {x.data(), nullptr, nullptr, nullptr, static_cast<std::int64_t>(count)};
    predictions.rows.codes = first.codes_of(codes, count);
    auto out = all_of(predictions, threads);
    return nb::cast(numpy(std::move(out),
                          {static_cast<std::size_t>(networks), count, static_cast<std::size_t>(predictions.outputs)}));
  }
  // Likewise of rows of each network's own, (networks, rows, inputs), in which one term is exchanged for that of
  // another row, in several orders: see `Exchange`.
  static nb::object predict_exchanged(const std::vector<Program*>& programs, std::int64_t networks, const Floats& x,
                                      const Floats& terms, const Orders& order, int threads) {
    Predictions predictions = predictions_of(programs, networks, threads, true);
    const auto fits = [&](const Floats& array) {
      return array.ndim() == 3 && array.shape(0) == static_cast<std::size_t>(networks) &&
             array.shape(1) == order.shape(1) && array.shape(2) == static_cast<std::size_t>(predictions.inputs);
    };
    if (!fits(x) || !fits(terms) || order.shape(0) < 1) throw std::invalid_argument("x, terms or orders do not fit");
    const std::size_t orders = order.shape(0), count = order.shape(1);
    for (std::size_t i = 0; i < orders * count; i++)
      if (order.data()[i] >= count) throw std::invalid_argument("an order leads beyond the rows");
    const Exchange exchange = {terms.data(), order.data(), static_cast<std::int64_t>(orders),
                               static_cast<std::int64_t>(count), 0};
    predictions.rows = {x.data(), nullptr, nullptr, nullptr, static_cast<std::int64_t>(count)};
    predictions.rows.exchange = &exchange;
    auto out = all_of(predictions, threads);
    return nb::cast(numpy(std::move(out), {static_cast<std::size_t>(networks), count, orders,
                                           static_cast<std::size_t>(predictions.outputs)}));
  }
  double gradients(const Floats& x, const nb::object& codes, const nb::object& target, const nb::object& weight,
                   const nb::object& function, const nb::object& ahead) {
    require_training();
    const Rows rows = rows_of(x, codes, target, weight);
    if (rows.count > most_rows_) throw std::invalid_argument("more rows than the program was made for");
    double loss = 0;
    PythonListener listener;
    prepare(listener, function, ahead);
    has_gradients_ = false;
    quiet(listener, [&] { return run_->gradients(rows, listener, loss); });
    has_gradients_ = true;
    return loss;
  }

  void stop() const {
    if (listening_) listening_->stop = true;
  }
  void cancel() { cancelled_ = true; }
  double learning_rate() const { return run_->learning_rate; }
  void set_learning_rate(double rate) { run_->learning_rate = rate; }
  std::int64_t step() const { return run_->step; }
  void set_step(std::int64_t step) { run_->step = step; }

 private:
  // Where arrays lie, and how far apart their rows.
  struct Place {
    std::vector<float*> of_array;
    std::int64_t row = 0;
  };
  template <class Find>
  std::vector<Place> places_of(const Find& find) const {
    std::vector<Place> places(static_cast<std::size_t>(run_->array_count()));
    for (int array = 0; array < run_->array_count(); array++) {
      Place& place = places[static_cast<std::size_t>(array)];
      find(array, place.of_array, place.row);
    }
    return places;
  }
  // Arrays as NumPy sees them in memory that lives as long as one of them.
  nb::list views(const std::vector<Place>& places, void* memory) const {
    const nb::capsule owner(memory, [](void* whole) noexcept { std::free(whole); });
    nb::list all;
    for (int array = 0; array < run_->array_count(); array++) {
      const ArrayShape shape = run_->array_shape(array);
      const Place& place = places[static_cast<std::size_t>(array)];
      const std::size_t sizes[] = {static_cast<std::size_t>(shape.rows), static_cast<std::size_t>(shape.columns)};
      const std::int64_t strides[] = {place.row, 1};
      nb::list of_array;
      for (float* values : place.of_array)
        of_array.append(nb::ndarray<nb::numpy, float>(values, 2, sizes, owner, strides));
      all.append(of_array);
    }
    return all;
  }
  // Rows by their places, each of which is one; the arrays must outlive what is returned.
  static Chosen chosen(const Rows& rows, const nb::object& object, const char* name) {
    if (object.is_none()) return {&rows, nullptr, rows.count};
    const auto places = plain<Indices>(object, name);
    const std::size_t count = places.size();
    if (count < 1 || count > INT32_MAX) throw std::invalid_argument(std::string(name) + " must be some rows");
    for (std::size_t i = 0; i < count; i++)
      if (places.data()[i] >= rows.count) throw std::invalid_argument(std::string(name) + " must be rows of the table");
    return {&rows, places.data(), static_cast<std::int64_t>(count)};
  }
  static std::size_t size_of(const ArrayShape& shape) {
    return static_cast<std::size_t>(shape.rows) * static_cast<std::size_t>(shape.columns);
  }
  const char* stored(std::string name) {
    names_.push_back(std::make_unique<std::string>(std::move(name)));
    return names_.back()->c_str();
  }
  // After the layers: what a part lists is a number for each output.
  PartSpec part(const nb::object& object) {
    const auto item = nb::cast<nb::tuple>(object);
    if (item.size() != 3) throw std::invalid_argument("a part must be a kind, numbers and a list");
    PartSpec spec = {};
    spec.kind = stored(nb::cast<std::string>(item[0]));
    copy_numbers(spec, nb::cast<std::vector<double>>(item[1]));
    auto listed = nb::cast<std::vector<double>>(item[2]);
    if (listed.empty()) return spec;
    if (listed.size() != static_cast<std::size_t>(outputs_))
      throw std::invalid_argument("a part lists another number of numbers than there are outputs");
    spec.listed = lists_.emplace_back(std::make_unique<std::vector<double>>(std::move(listed)))->data();
    return spec;
  }
  MetricSpec metric(const nb::object& object) {
    const auto item = nb::cast<nb::tuple>(object);
    if (item.size() != 6) throw std::invalid_argument("a metric must be a part, cuts, weighted and terms");
    MetricSpec spec = {};
    spec.part = part(nb::make_tuple(item[0], item[1], item[2]));
    const auto& cuts = constants_.emplace_back(nb::cast<std::vector<float>>(item[3]));
    spec.cuts = cuts.data(), spec.cut_count = static_cast<int>(cuts.size());
    spec.weighted = nb::cast<bool>(item[4]), spec.terms = nb::cast<int>(item[5]);
    if (cuts.size() > 1 << 24 || spec.terms < 1 || spec.terms > 1 << 28)
      throw std::invalid_argument("a metric has too many cuts or terms");
    return spec;
  }
  // The programs of several networks, all of one shape.
  static Predictions predictions_of(const std::vector<Program*>& programs, std::int64_t networks, int threads,
                                    bool exchanges) {
    const auto given = static_cast<std::int64_t>(programs.size());
    if (networks < 1 || given < 1 || given % networks != 0 || given > INT16_MAX || threads < 1 || threads > 1024)
      throw std::invalid_argument("networks, programs or threads out of range");
    const Program& first = *programs[0];
    Predictions predictions = {
        {}, networks, first.inputs_, static_cast<std::int64_t>(first.cardinalities_.size()), first.outputs_, {}, {}};
    for (const Program* program : programs) {
      program->require_arrays();
      if (program->inputs_ != first.inputs_ || program->outputs_ != first.outputs_ ||
          program->cardinalities_ != first.cardinalities_)
        throw std::invalid_argument("networks differ in shape");
      if (program->exchanges_ != exchanges) throw std::invalid_argument("a program is for another kind of rows");
      Run* run = program->run_.get();
      if (std::find(predictions.runs.begin(), predictions.runs.end(), run) != predictions.runs.end())
        throw std::invalid_argument("a program is given twice");
      predictions.runs.push_back(run);
    }
    return predictions;
  }
  // All outputs of predictions whose rows are there.
  static std::unique_ptr<float[]> all_of(Predictions& predictions, int threads) {
    const std::int64_t rows = predictions.rows.count, parts = predictions.tasks() / predictions.networks;
    const auto size =
        static_cast<std::size_t>(predictions.networks * rows * predictions.orders() * predictions.outputs);
    std::unique_ptr<float[]> out(new float[size + 1]);
    predictions.out = out.get();
    bool failed = false;
    {
      nb::gil_scoped_release release;
      const std::unique_ptr<Team> team(make_team(threads));
      const std::int64_t at_once = std::max<std::int64_t>(ROWS_OF_A_PART / predictions.orders(), 1) * parts;
      while (predictions.to < rows && !failed) {
        predictions.from = predictions.to, predictions.to = std::min(rows, predictions.from + at_once);
        for (int i = 0; !team && i < predictions.tasks(); i++) Predictions::task(&predictions, i);
        if (team) team->share(predictions.tasks(), Predictions::task, &predictions);
        if (predictions.to == rows) break;
        nb::gil_scoped_acquire gil;
        failed = PyErr_CheckSignals() != 0;
      }
    }
    if (failed) throw nb::python_error();
    return out;
  }
  void check_scoring(std::int64_t scoring_rows) const {
    if (scoring_rows < 1 || scoring_rows > most_rows_)
      throw std::invalid_argument("scoring_rows must be within the program's rows");
  }
  void require_training() const {
    require_arrays();
    if (!trains_) throw std::invalid_argument("this program only predicts");
  }
  void require_arrays() const {
    if (taken_) throw std::invalid_argument("the program's arrays were taken");
  }
  ArrayShape checked(int array, int slot) const {
    require_arrays();
    if (array < 0 || array >= run_->array_count()) throw std::invalid_argument("no such array");
    const ArrayShape shape = run_->array_shape(array);
    if (slot < -1 || slot >= shape.slots) throw std::invalid_argument("no such slot");
    return shape;
  }
  // The tables of an embedding over `inputs` columns: how many codes each column may have.
  void take_tables(const std::vector<int>& sizes, const LayerSpec& spec, int inputs) {
    const std::size_t count = sizes.size() / 2;
    if (!cardinalities_.empty()) throw std::invalid_argument("a network has one embedding");
    if (count < 1 || sizes.size() != 2 * count) throw std::invalid_argument("an embedding needs a table");
    double outputs = inputs;
    for (std::size_t k = 0; k < count; k++) {
      const int rows = sizes[k], width = sizes[count + k];
      if (rows < 1 || width < 1 || static_cast<double>(rows) * width > 1 << 28)
        throw std::invalid_argument("a table of an embedding is empty or too large");
      if (spec.numbers[0] != 0 && (rows != sizes[0] || width != sizes[count]))
        throw std::invalid_argument("a shared table has one size");
      outputs += width;
    }
    if (outputs != spec.units) throw std::invalid_argument("an embedding is not as wide as its tables");
    cardinalities_.assign(sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(count));
  }
  // The knots of an embedding of the first of `inputs` columns: each piece has a length.
  static void check_knots(const std::vector<float>& knots, const std::vector<int>& pieces, const LayerSpec& spec,
                          int inputs) {
    const double width = spec.numbers[0];
    double total = 0;
    for (int count : pieces) {
      if (count < 1 || count > 1 << 16) throw std::invalid_argument("an embedding needs a piece a column");
      total += count;
    }
    if (pieces.empty() || pieces.size() > static_cast<std::size_t>(inputs) || !(width >= 1) || total * width > 1 << 28)
      throw std::invalid_argument("an embedding of pieces has the wrong number of columns, or is too large");
    if (knots.size() != static_cast<std::size_t>(total) + pieces.size())
      throw std::invalid_argument("an embedding has the wrong number of knots");
    std::size_t at = 0;
    for (int count : pieces) {
      for (std::size_t i = at; i < at + static_cast<std::size_t>(count); i++)
        if (!(knots[i] < knots[i + 1]) || !std::isfinite(knots[i]) || !std::isfinite(knots[i + 1]))
          throw std::invalid_argument("knots must ascend");
      at += static_cast<std::size_t>(count) + 1;
    }
    if (inputs + width * static_cast<double>(pieces.size()) != spec.units)
      throw std::invalid_argument("an embedding of pieces is not as wide as its columns");
  }
  static void check_waves(const LayerSpec& spec, int inputs) {
    const double columns = spec.numbers[0], width = spec.numbers[1], waves = spec.numbers[2];
    if (!(columns >= 1 && columns <= inputs && width >= 1 && waves >= 1) || columns * width * waves > 1 << 28)
      throw std::invalid_argument("an embedding of waves has the wrong number of columns, or is too large");
    if (inputs + columns * width != spec.units)
      throw std::invalid_argument("an embedding of waves is not as wide as its columns");
  }
  // Codes that the program may look up; null for a program without tables.
  const std::int32_t* codes_of(const nb::object& object, std::size_t count) const {
    if (cardinalities_.empty() != object.is_none()) throw std::invalid_argument("codes belong to an embedding");
    if (object.is_none()) return nullptr;
    const auto codes = plain<Codes>(object, "codes");
    const std::size_t columns = cardinalities_.size();
    if (codes.shape(0) != count || codes.shape(1) != columns) throw std::invalid_argument("codes have the wrong shape");
    const std::int32_t* code = codes.data();
    for (std::size_t i = 0; i < count; i++)
      for (std::size_t k = 0; k < columns; k++, code++)
        if (*code < 0 || *code >= cardinalities_[k]) throw std::invalid_argument("a code is out of range");
    return codes.data();
  }
  // The arrays as rows, every size checked; the arrays must outlive what is returned.
  Rows rows_of(const Floats& x, const nb::object& codes, const nb::object& target, const nb::object& weight) const {
    if (x.ndim() != 2 || x.shape(1) != static_cast<std::size_t>(inputs_) || x.shape(0) < 1)
      throw std::invalid_argument("x has the wrong shape");
    const std::size_t count = x.shape(0);
    Rows rows = {
        x.data(), nullptr, nullptr, nullptr, static_cast<std::int64_t>(count), target.ptr(), codes_of(codes, count)};
    if (asks_ && nb::len(target) != count) throw std::invalid_argument("the target and x differ in rows");
    if (asks_ && width_ == FIRST_TERM) {
      // nobody else reads it
    } else if (labels_) {
      const auto labels = plain<Labels>(target, "labels");
      if (labels.size() != count) throw std::invalid_argument("labels and x differ in rows");
      for (std::size_t i = 0; i < count; i++)
        if (labels.data()[i] < 0 || labels.data()[i] >= outputs_)
          throw std::invalid_argument("a label is out of range");
      rows.labels = labels.data();
    } else {
      const auto y = plain<Floats>(target, "y");
      if (y.ndim() != 2 || y.shape(0) != count || y.shape(1) != static_cast<std::size_t>(outputs_))
        throw std::invalid_argument("y has the wrong shape");
      rows.y = y.data();
    }
    if (!weight.is_none()) {
      const auto weights = plain<Floats>(weight, "weight");
      if (weights.size() != count) throw std::invalid_argument("weight and x differ in rows");
      rows.weight = weights.data();
    }
    return rows;
  }
  // Functions are given to each call and not kept: Python could not see a circle of references through here.
  void prepare(PythonListener& listener, const nb::object& loss, const nb::object& ahead) const {
    prepare(listener, loss);
    listener.on_ahead = ahead, listener.scheduled = run_->scheduled();
    if (listener.scheduled > 0 && ahead.is_none()) throw std::invalid_argument("schedules need the function of them");
  }
  void prepare(PythonListener& listener, const nb::object& loss) const {
    if (asks_ && loss.is_none()) throw std::invalid_argument("a loss that is a function needs the function");
    listener.width = width_, listener.outputs = outputs_, listener.on_loss = loss;
  }
  template <class Body>
  void quiet(PythonListener& listener, Body body) {
    listener.on_progress = nb::none();
    bool done;
    {
      nb::gil_scoped_release release;
      done = body();
    }
    if (done) return;
    if (!listener.failure.is_valid()) throw std::bad_alloc();
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(listener.failure.ptr())), listener.failure.ptr());
    throw nb::python_error();
  }

  int inputs_, outputs_, width_ = FIRST_TERM;  // of the sums over rows
  bool labels_, exchanges_ = false, trains_ = false, asks_ = false, has_gradients_ = false, taken_ = false,
                has_best_ = false;
  std::int64_t most_rows_;
  std::vector<std::unique_ptr<std::string>> names_;
  std::deque<std::vector<float>> constants_;
  std::deque<std::vector<int>> sizes_;
  std::vector<int> cardinalities_;  // of each code column
  std::vector<std::unique_ptr<std::vector<double>>> lists_;
  std::unique_ptr<Run> run_;
  PythonListener* listening_ = nullptr;
  std::atomic<bool> cancelled_{false};
};

}  // namespace

NB_MODULE(_native, m) {
  m.doc() = "Compiled kernels. Everything here is private: use tabgrad.engines.";
  m.def(
      "instruction_sets",
      [] {
        std::vector<std::string> names;
        for (const Kernels* kernels : available()) names.emplace_back(kernels->name);
        return names;
      },
      "The instruction sets that this processor has kernels for, best first.");
  nb::class_<Program>(m, "Program")
      .def(nb::init<const std::string&, int, const nb::list&, const nb::object&, bool, bool, const nb::list&,
                    const nb::object&, std::int64_t, int>(),
           nb::arg("isa"), nb::arg("inputs"), nb::arg("layers"), nb::arg("loss").none(), nb::arg("linked"),
           nb::arg("labels"), nb::arg("metrics"), nb::arg("optimizer").none(), nb::arg("most_rows"), nb::arg("threads"))
      .def("orthogonalize", &Program::orthogonalize)
      .def("write", &Program::write)
      .def("scale_rates", &Program::scale_rates)
      .def("read", &Program::read, nb::arg("array"), nb::arg("slot"))
      .def("take", &Program::take)
      .def("take_best", &Program::take_best)
      .def("gradient", &Program::gradient)
      .def("fit", &Program::fit, nb::arg("x"), nb::arg("codes").none(), nb::arg("target"), nb::arg("weight").none(),
           nb::arg("validation").none(), nb::arg("epochs"), nb::arg("first_epoch"), nb::arg("batch_size"),
           nb::arg("shuffle"), nb::arg("seed"), nb::arg("epoch_begin").none(), nb::arg("epoch_end").none(),
           nb::arg("batch_begin").none(), nb::arg("batch_end").none(), nb::arg("progress").none(), nb::kw_only(),
           nb::arg("loss").none(), nb::arg("score").none(), nb::arg("scoring_rows"), nb::arg("ahead").none(),
           nb::arg("places").none() = nb::none(), nb::arg("held").none() = nb::none(),
           nb::arg("stopping").none() = nb::none())
      .def("evaluate", &Program::evaluate, nb::arg("x"), nb::arg("codes").none(), nb::arg("target"),
           nb::arg("weight").none(), nb::kw_only(), nb::arg("loss").none(), nb::arg("score").none(),
           nb::arg("scoring_rows"))
      .def("predict", &Program::predict, nb::arg("x"), nb::arg("codes").none())
      .def_static("predict_many", &Program::predict_many, nb::arg("programs"), nb::arg("networks"), nb::arg("x"),
                  nb::arg("codes").none(), nb::arg("threads"))
      .def_static("predict_exchanged", &Program::predict_exchanged, nb::arg("programs"), nb::arg("networks"),
                  nb::arg("x"), nb::arg("terms"), nb::arg("order"), nb::arg("threads"))
      .def("gradients", &Program::gradients, nb::arg("x"), nb::arg("codes").none(), nb::arg("target"),
           nb::arg("weight").none(), nb::arg("loss").none() = nb::none(), nb::arg("ahead").none() = nb::none())
      .def("stop", &Program::stop)
      .def("cancel", &Program::cancel)
      .def_prop_rw("learning_rate", &Program::learning_rate, &Program::set_learning_rate)
      .def_prop_rw("step", &Program::step, &Program::set_step);
}

}  // namespace tabgrad
