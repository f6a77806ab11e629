// What crosses the border between the binding and the kernels: plain data and two interfaces.
//
// The kernels are compiled once for each instruction set, so nothing in here may hold code that the linker could merge
// between them: no inline functions, no templates.
#pragma once

#include <cstdint>

namespace tabgrad {

constexpr int MOST_NUMBERS = 24;
constexpr int MOST_SLOTS = 4;
constexpr int MOST_METRICS = 64;
constexpr int MOST_AHEAD = 1024;

// A layer of the program: dense layers, activations and dropout each stand alone here; a branch remembers what flows
// there, the join after it adds that again.
struct LayerSpec {
  const char* kind;
  int units;           // width of the output
  int index;           // place in the network's layers: dropout masks are counted by it
  std::uint64_t seed;  // of its dropout masks
  bool trainable;
  float numbers[MOST_NUMBERS];  // infinite: a schedule rules it
  const float* constants;       // numbers of each column, where a layer has such: scales, knots
  const int* sizes;  // of an embedding: the rows of each code column's table, then their widths; or pieces of each
  int size_count;
};

// A loss, metric or optimizer: the name of its kind, and its record's fields as numbers, None as NaN, a schedule as
// infinity, a list as its length; what is listed, a number for each output of the network, stands behind.
struct PartSpec {
  const char* kind;
  double numbers[MOST_NUMBERS];
  const double* listed;  // null: nothing
};

// A metric: sums over the rows that stand behind the number of rows and the loss, in the order of the metrics.
struct MetricSpec {
  PartSpec part;  // a kind that is a mean over the rows, a tally of tallies.hpp, or "function": the listener's
  const float* cuts;
  int cut_count;
  bool weighted;  // by the weights of the rows
  int terms;      // how many sums it has
};
constexpr int FIRST_TERM = 2;

struct ProgramSpec {
  int inputs;
  const LayerSpec* layers;
  int layer_count;
  PartSpec loss;  // kind null: a program for prediction only
  bool linked;    // the last layer is the loss's link: both share one derivative
  const MetricSpec* metrics;
  int metric_count;
  PartSpec optimizer;
};

// Rows of which one term is exchanged: of row i in order r, place i * orders + r, comes x_i + (t_(order ri) - t_i).
struct Exchange {
  const float* terms;          // t, (rows, inputs)
  const std::uint32_t* order;  // (orders, rows)
  std::int64_t orders, rows;
  std::int64_t first;  // the row with which x begins
};

struct Rows {
  const float* x;              // (count, inputs)
  const float* y;              // (count, outputs), or null
  const std::int64_t* labels;  // (count,), or null
  const float* weight;         // (count,), or null
  std::int64_t count;
  const void* target = nullptr;         // the target as a loss that is the user's function reads it
  const std::int32_t* codes = nullptr;  // (count, code columns), or null
  const Exchange* exchange = nullptr;   // not null: x is (count / orders, inputs)
};

// Rows of a batch by their places in the rows of a run: [first, first + count), or where those of an order lead.
struct Places {
  const std::uint32_t* order;  // null: the rows themselves
  std::int64_t first;
  int count;
};

// Rows that a run trains on, or is scored on: all of a table, or those at some places.
struct Chosen {
  const Rows* rows;             // null: none
  const std::uint32_t* places;  // null: all
  std::int64_t count;
};

struct Schedule {
  std::int64_t epochs, first_epoch, batch_size;
  bool shuffle;
  std::uint64_t seed;
  std::int64_t scoring_rows;  // of a batch of validation rows
  bool keeps_best;            // the weights of the least validation loss; it is that of the averages, if there are any
  std::int64_t patience;      // epochs without a lower one after which the run ends; 0: any number
  double seconds;             // from now, after which no epoch begins
  double least;               // the least validation loss before the first epoch
  std::int64_t waited;        // epochs since then
};

// What a run tells: sums of each epoch, (epochs - first epoch, sums), filled as far as epochs are done.
struct Outcome {
  double *training, *validation;
  std::int64_t epochs_done, failed_step, best_epoch;  // the last two from -1
};

enum class Status { finished, stopped, interrupted, diverged, out_of_memory };

// Whoever hears of a run. Each call may enter Python; false ends the run as interrupted.
struct Listener {
  bool hears_epochs = false, hears_batches = false, stop = false;
  virtual bool epoch_begin(std::int64_t epoch) = 0;
  virtual bool epoch_end(std::int64_t epoch, const double* training, const double* validation) = 0;
  virtual bool batch_begin(std::int64_t step) = 0;
  virtual bool batch_end(std::int64_t step, const double* running) = 0;
  // About twenty times a second; null: nothing to tell yet.
  virtual bool poll(std::int64_t step, const double* running) = 0;
  // What schedules say of the steps that come after `step` others: for each number that they rule at most MOST_AHEAD
  // values, the next number's so far behind; returns how many, 0: it failed.
  virtual int ahead(std::int64_t step, double* values) = 0;
  // The user's loss of each row of a batch and its derivative by each output, shaped as `out`: (count, outputs).
  virtual bool loss(const Rows& rows, const Places& places, const float* out, float* losses, float* gradient) = 0;
  // Adds what the user's functions make of a batch's outputs, (count, outputs), to the terms that are listed.
  virtual bool score(bool validation, const Places& places, const float* out, double* const* terms, int term_count) = 0;
  virtual ~Listener();
};

// An array without its padding. The kernel of a single unit is one row.
struct ArrayShape {
  int rows, columns, slots;
};

// A program with its weights, ready to run: one per call from Python.
struct Run {
  double learning_rate = 0;
  std::int64_t step = 0;
  virtual int array_count() const = 0;
  // How many numbers schedules rule: those of the optimizer, then the rates of dropout in the order of the layers.
  virtual int scheduled() const = 0;
  virtual ArrayShape array_shape(int array) const = 0;
  // Its learning rate is `learning_rate` times `rate`, its weight decay the optimizer's times `decay`.
  virtual void scale_rates(int array, double rate, double decay) = 0;
  virtual void orthogonalize(int array, int rows, int columns) = 0;  // it steps as such a matrix, by Muon
  virtual void read(int array, int slot, float* out) const = 0;      // slot -1: the weights
  virtual void write(int array, int slot, const float* in, std::int64_t row) = 0;
  // Where an array or slot lies, and how far apart its rows.
  virtual float* place(int array, int slot, std::int64_t& row) const = 0;
  // Hands over the memory of all of them, to be freed with std::free; nothing runs afterwards.
  virtual void* release() = 0;
  virtual Status fit(const Chosen& rows, const Chosen& validation, const Schedule& schedule, Listener& listener,
                     Outcome& outcome) = 0;
  // The best epoch's weights, in rows as far apart as those of `place`, and the memory of all of them.
  virtual float* best(int array) const = 0;
  virtual void* release_best() = 0;
  virtual bool evaluate(const Rows& rows, std::int64_t scoring_rows, Listener& listener, double* sums) = 0;
  virtual bool predict(const Rows& rows, float* out, Listener& listener) = 0;
  // Leaves the gradients where `gradient` reads them; false: memory is short, or the listener failed.
  virtual bool gradients(const Rows& rows, Listener& listener, double& loss) = 0;
  virtual void gradient(int array, float* out) const = 0;
  virtual ~Run();
};

// One entry an instruction set. Null where a kind is unknown or memory is short; `error` then says which.
struct Kernels {
  const char* name;
  Run* (*make)(const ProgramSpec& program, std::int64_t most_rows, int threads, const char** error);
};

extern const Kernels kernels_baseline;
extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;

}  // namespace tabgrad
