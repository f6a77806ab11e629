// Rows of learned tables, looked up by integer codes: forward and backward side by side.
#pragma once

#include "layer.hpp"

namespace tabgrad::TABGRAD_ISA {

static inline void copy_floats(float* to, const float* from, int count) {
  int j = 0;
  for (; j + 4 <= count; j += 4) *reinterpret_cast<four*>(to + j) = *reinterpret_cast<const four*>(from + j);
  for (; j < count; j++) to[j] = from[j];
}
static inline void add_floats(float* to, const float* from, int count) {
  int j = 0;
  for (; j + 4 <= count; j += 4) *reinterpret_cast<four*>(to + j) += *reinterpret_cast<const four*>(from + j);
  for (; j < count; j++) to[j] += from[j];
}

// out = [x, E_1[c_1], E_2[c_2], ...].   dx = the first part of d, dE_k[c] = sum of d_k over the rows whose code is c
//
// A table lies in memory as one long row, so that narrow embeddings need no padding, and the optimizer goes over it as
// over any other array: where no row of the batch has a code its gradient is zero, as in Keras. A table belongs to one
// part, and its sums are taken in the order of the rows: bits do not depend on threads.
struct Embedding : Layer {
  struct Column {
    int table, width, offset;  // place of its table; of its numbers in a row of the output
  };
  std::vector<Array> tables;
  std::vector<Column> columns;
  std::vector<long> starts;      // of each table's sums
  Floats sums;                   // of the gradients; zero between two steps
  Block<std::int32_t> of_batch;  // the codes of a batch, column after column
  long most_rows = 0;

  Embedding(int inputs, const LayerSpec& spec) {
    const bool shared = spec.numbers[0] != 0;
    const int count = spec.size_count / 2;
    for (int k = 0, offset = inputs; k < count; k++) {
      const int rows = spec.sizes[k], width = spec.sizes[count + k];
      if (!shared || k == 0)
        tables.push_back({1, rows * width, leading(rows * width), spec.numbers[1], spec.numbers[2], spec.trainable});
      columns.push_back({static_cast<int>(tables.size()) - 1, width, offset});
      offset += width;
    }
  }
  void list(std::vector<Array*>& arrays) override {
    for (Array& table : tables) arrays.push_back(&table);
  }
  bool reserve(long rows) override {
    long size = 0;
    for (const Array& table : tables) starts.push_back(size), size += table.size();
    most_rows = rows;
    return sums.reserve(static_cast<std::size_t>(size)) &&
           of_batch.reserve(static_cast<std::size_t>(rows) * columns.size());
  }

  bool passes_on() const override { return true; }
  void forward(const Pass& pass, int from, int to) override {
    const Batch& batch = *pass.batch;
    const long count = static_cast<long>(columns.size());
    for (int m = from; m < to; m++) {
      const std::int32_t* codes = batch.rows.codes + batch.place(m) * count;
      const std::int64_t next = batch.from + batch.count + m;
      if (batch.order && next < batch.end) __builtin_prefetch(batch.rows.codes + batch.order[next] * count);
      for (int n = 0; n < padded(in->units); n += W) store(out->value_of(m) + n, load(in->value_of(m) + n));
      for (long k = 0; k < count; k++) {
        const Column& column = columns[static_cast<std::size_t>(k)];
        of_batch.data()[k * most_rows + m] = codes[k];
        copy_floats(out->value_of(m) + column.offset, at(column, codes[k]), column.width);
      }
    }
  }
  const float* at(const Column& column, long code) const {
    return tables[static_cast<std::size_t>(column.table)].w + code * column.width;
  }

  void backward(const Pass&, int from, int to) override {
    if (!in->error.data()) return;
    for (int m = from; m < to; m++)
      for (int n = 0; n < padded(in->units); n += W) {
        const vec g = first(in->units - n) ? load(out->error_of(m) + n) : vec{};
        InputError{*in, in_adds}(m, n, 1, 1, &g);
      }
  }

  // A part: a table.
  int parts() const override { return static_cast<int>(tables.size()); }
  void learn(const Pass& pass, int from, int to) override {
    for (int t = from; t < to; t++) {
      const Array& table = tables[static_cast<std::size_t>(t)];
      if (!table.trainable) continue;
      float* sum = sums.data() + starts[static_cast<std::size_t>(t)];
      for (std::size_t k = 0; k < columns.size(); k++)
        if (columns[k].table == t) scatter(columns[k], of_batch.data() + static_cast<long>(k) * most_rows, pass, sum);
      row_gradient(table, *pass.optimizer, [&]<int V>(int n, vec(&g)[V]) __attribute__((always_inline)) {
        for (int j = 0; j < V; j++) g[j] = load(sum + n + W * j), store(sum + n + W * j, vec{});
      });
    }
  }
  void scatter(const Column& column, const std::int32_t* codes, const Pass& pass, float* sum) const {
    for (int m = 0; m < pass.rows; m++)
      add_floats(sum + static_cast<long>(codes[m]) * column.width, out->error_of(m) + column.offset, column.width);
  }
};

}  // namespace tabgrad::TABGRAD_ISA
