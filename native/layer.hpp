// What layers have in common: signals between them, passes over them, gradients of their arrays.
//
// Between two layers flows a `Signal`: values forward, the error term backward. The error of a signal is the derivative
// of the loss with respect to what its activation received, for whoever writes it multiplies by the signal's slope.
#pragma once

#include <memory>
#include <vector>

#include "activations.hpp"
#include "lanes.hpp"
#include "memory.hpp"
#include "optimizers.hpp"
#include "random.hpp"
#include "tile.hpp"

namespace tabgrad::TABGRAD_ISA {

// The padding of errors and of all arrays stays zero; that of values may hold f(0), and nobody lets it into a sum.
struct Signal {
  int units;
  long ld;
  Floats value, slope, error;  // slope: empty where it is one everywhere; error: empty where nobody needs it
  int unread = 0;              // so many units come first whose error nobody needs; it may be anything

  explicit Signal(int units) : units(units), ld(leading(units)) {}
  int vectors() const { return padded(units) / W; }
  float* value_of(long row) const { return value.data() + row * ld; }
  float* error_of(long row) const { return error.data() + row * ld; }
  float* slope_of(long row) const { return slope.data() ? slope.data() + row * ld : nullptr; }
};

// The rows of a step: places [from, from + count) of an order, or of the rows themselves where it is null.
struct Batch {
  const Rows& rows;
  const std::uint32_t* order;
  std::int64_t from;
  int count;
  std::int64_t end;  // of the order
  std::int64_t place(int i) const { return order ? order[from + i] : from + i; }
};
// The first batch of at most so many rows, from one on.
static inline Batch batch_of(const Chosen& chosen, std::int64_t from, std::int64_t most) {
  const std::int64_t left = chosen.count - from;
  return {*chosen.rows, chosen.places, from, static_cast<int>(left < most ? left : most), chosen.count};
}

// What a pass through the layers needs to know.
struct Pass {
  const Batch* batch = nullptr;
  int rows = 0;
  int alike = 1;  // so many rows at a time are nearly the same
  bool training = false;
  std::int64_t step = 0;
  const Step* optimizer = nullptr;
};

// A pass goes over rows [from, to) at a time, forward and back, and rows never meet; only `learn` sees the whole batch,
// for one part of the layer's arrays at a time. So threads share rows first, then arrays. A layer whose rows do meet
// says so: then all rows come to it before the first goes on, and the same going back.
struct Layer {
  Signal *in = nullptr, *out = nullptr;
  virtual void forward(const Pass& pass, int from, int to) = 0;
  virtual void backward(const Pass& pass, int from, int to) = 0;  // the error of `in`, if it has one
  virtual void list(std::vector<Array*>&) {}
  virtual bool meets() const { return false; }  // in training
  virtual void meet(const Pass&, int, int) {}   // before `forward`, for vectors [from, to) of the units
  virtual void meet_back(const Pass&, int, int) {}
  virtual void settle() {}  // once a step is taken: what moves with the batch
  virtual int parts() const { return 0; }
  virtual void learn(const Pass&, int, int) {}  // parts [from, to)
  virtual void refresh(int, int) {}             // what is derived from parts of the arrays, once they have changed
  virtual bool reserve(long) { return true; }   // once the arrays have their places
  // Whether a function that comes next can be taken in here.
  virtual bool joins_activation() const { return false; }
  virtual bool joins_dropout() const { return false; }
  virtual const Array* factors() const { return nullptr; }  // of each unit, where there is nothing else to the layer
  virtual bool passes_on() const { return false; }          // whether the output begins with the input as it is
  virtual double work() const { return in->units + out->units; }  // multiply-adds a row
  virtual bool adds_to_loss() const { return false; }  // whether `activity` is what each row adds to the loss
  virtual const float* activity() const { return nullptr; }
  // A second input, if there is one.
  virtual Signal* other() const { return nullptr; }
  virtual ~Layer() = default;

  // The activation and dropout at the end of the layer.
  FinishBlock finish = finish_block_of<linear>;
  Finish end;
  bool activates = false;
  std::unique_ptr<Dropout> dropout;
  std::uint64_t dropout_seed = 0;
  int dropout_index = 0;
  float numbers[MOST_NUMBERS] = {};  // of the activation

  bool sealed = false;  // its output is used twice: nothing may join it
  // Whether another layer has written the error of the input (the other input) before, so that this one is added.
  bool in_adds = false, other_adds = false;

  const Array* shift = nullptr;  // what is added before the activation

  virtual bool bends() const { return activates || dropout; }
  virtual bool prepares() const { return false; }  // whether `prepare` has work to do before the rows of a pass
  virtual void prepare(const Pass&) {}
  // Once before the rows of a pass.
  void begin(const Pass& pass) {
    end.numbers = numbers, end.bias = shift ? shift->w : nullptr;
    end.dropout = nullptr;
    if (!dropout || !pass.training) return;
    dropout->begin_step(dropout_seed, static_cast<std::uint64_t>(pass.step), static_cast<std::uint64_t>(dropout_index));
    end.dropout = dropout.get();
  }
  // A block of weighted sums at (m, n) through the layer's end.
  void finish_block(const Pass& pass, int m, int n, int rows, int vectors, const vec* z) const {
    finish(end, z, rows, vectors, n, static_cast<std::uint32_t>(m) * static_cast<std::uint32_t>(out->units), out->units,
           out->value_of(m) + n, pass.training && bends() ? out->slope_of(m) + n : nullptr, out->ld);
  }
  // Rows [from, to) of what `make` gives at row m and column n, through the layer's end.
  template <class Make>
  [[gnu::always_inline]] void finish_rows(const Pass& pass, int from, int to, const Make& make) const {
    constexpr int AT_ONCE = 8;
    const int width = out->vectors();
    for (int m = from; m < to; m++)
      for (int j = 0; j < width; j += AT_ONCE) {
        const int vectors = width - j < AT_ONCE ? width - j : AT_ONCE;
        vec z[AT_ONCE];
        for (int i = 0; i < vectors; i++) z[i] = make(m, W * (j + i));
        finish_block(pass, m, W * j, 1, vectors, z);
      }
  }
};

// dL/dw of an array, a block at a time: stored, or spent at once on a step.
struct Gradient {
  const Array& array;
  const Step& step;
  void operator()(int m, int n, int rows, int vectors, const vec* block) const {
    if (step.store_only) {
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) {
          const long at = (m + i) * array.ld + n + W * j;
          store(array.gradient + at, regularised(array, block[i * vectors + j], load(array.w + at)));
        }
    } else {
      step.rule.step_block(step, array, m, n, rows, vectors, block);
    }
  }
  // Asks for what the step of a block will read.
  void ahead(int m, int n, int rows, int vectors) const {
    for (int i = 0; i < rows; i++)
      for (int j = 0; j < vectors; j++) {
        const long at = (m + i) * array.ld + n + W * j;
        __builtin_prefetch(array.w + at, 1);
        for (int s = 0; s < step.rule.slots; s++) __builtin_prefetch(array.slot[s] + at, 1);
      }
  }
};

// dL/dw of an array that is one row: make(n, g) writes as many vectors as `g` has, from column n on.
template <class Make>
[[gnu::always_inline]] static inline void row_gradient(const Array& array, const Step& step, const Make& make) {
  const int columns = padded(array.columns);
  const auto each = [&](const auto& spend) __attribute__((always_inline)) {
    int n = 0;
    for (vec g[4]; n + 4 * W <= columns; n += 4 * W) make(n, g), spend(n, g);
    for (vec g[1]; n < columns; n += W) make(n, g), spend(n, g);
  };
  if (step.store_only) {
    each([&]<int V>(int n, const vec(&g)[V]) {
      for (int j = 0; j < V; j++)
        store(array.gradient + n + W * j, regularised(array, g[j], load(array.w + n + W * j)));
    });
  } else {
    each([&]<int V>(int n, const vec(&g)[V]) { step.rule.step_block(step, array, 0, n, 1, V, g); });
  }
}

// db = sum of d over the batch
static inline void bias_gradient(const Pass& pass, const Array& bias, const Signal& out) {
  row_gradient(bias, *pass.optimizer, [&]<int V>(int n, vec(&g)[V]) __attribute__((always_inline)) {
    for (int j = 0; j < V; j++) g[j] = vec{};
    for (int i = 0; i < pass.rows; i++)
      for (int j = 0; j < V; j++) g[j] += load(out.error_of(i) + n + W * j);
  });
}

// dL/dx of an input, a block at a time: times the input's own slope it is the input's error.
struct InputError {
  const Signal& in;
  bool adds;
  void operator()(int m, int n, int rows, int vectors, const vec* block) const {
    for (int i = 0; i < rows; i++) {
      const float* slope = in.slope_of(m + i);
      float* error = in.error_of(m + i) + n;
      for (int j = 0; j < vectors; j++) {
        vec g = block[i * vectors + j];
        if (slope) g *= load(slope + n + W * j);
        if (adds) g += load(error + W * j);
        store(error + W * j, g);
      }
    }
  }
};

// sum over the rows of term(row, n), for vectors [from, to) of the units.
template <class Term>
static void sum_rows(int rows, int from, int to, float* out, const Term& term) {
  int n = from * W;
  for (; n + 4 * W <= to * W; n += 4 * W) {
    vec total[4] = {};
    for (int i = 0; i < rows; i++)
      for (int j = 0; j < 4; j++) total[j] += term(i, n + W * j);
    for (int j = 0; j < 4; j++) store(out + n + W * j, total[j]);
  }
  for (; n < to * W; n += W) {
    vec total = {};
    for (int i = 0; i < rows; i++) total += term(i, n);
    store(out + n, total);
  }
}

}  // namespace tabgrad::TABGRAD_ISA
