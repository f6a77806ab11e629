// Aligned, zeroed memory, owned by one object.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

namespace tabgrad::TABGRAD_ISA {

// The system's fresh pages are zero without being touched, so a large block costs nothing until it is used.
template <class T>
class Block {
 public:
  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() { std::free(whole_); }
  // False where memory is short.
  bool reserve(std::size_t count) {
    std::free(whole_);
    count_ = count, data_ = nullptr;
    whole_ = std::calloc(count * sizeof(T) + 128, 1);
    std::size_t room = count * sizeof(T) + 128;
    void* start = whole_;
    if (start) data_ = static_cast<T*>(std::align(64, count * sizeof(T) + 64, start, room));
    return data_ != nullptr;
  }
  void swap(Block& other) {
    std::swap(whole_, other.whole_), std::swap(data_, other.data_), std::swap(count_, other.count_);
  }
  // Hands the memory over, to be freed with std::free.
  void* release() {
    data_ = nullptr;
    return std::exchange(whole_, nullptr);
  }
  T* data() const { return data_; }
  std::size_t bytes() const { return count_ * sizeof(T); }

 private:
  void* whole_ = nullptr;  // as the system gave it; the data begins at a multiple of 64
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
