// Aligned, zeroed memory, owned by one object.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace tabgrad::TABGRAD_ISA {

template <class T>
class Block {
 public:
  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() { std::free(data_); }
  // False where memory is short.
  bool reserve(std::size_t count) {
    std::free(data_);
    count_ = count;
    const std::size_t bytes = (count * sizeof(T) + 127) / 64 * 64;
    data_ = static_cast<T*>(std::aligned_alloc(64, bytes));
    if (data_) std::memset(data_, 0, bytes);
    return data_ != nullptr;
  }
  void swap(Block& other) { std::swap(data_, other.data_), std::swap(count_, other.count_); }
  // Hands the memory over, to be freed with std::free.
  T* release() { return std::exchange(data_, nullptr); }
  T* data() const { return data_; }
  std::size_t bytes() const { return count_ * sizeof(T); }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
};
using Floats = Block<float>;

// The distance between two rows in memory: the padded width, moved off the large powers of two, whose rows would all
// fall into the same few sets of the cache.
static inline long leading(int columns) {
  const long width = (columns + W - 1) / W * W;
  return width * sizeof(float) % 1024 == 0 ? width + 16 : width;
}

}  // namespace tabgrad::TABGRAD_ISA
