#include "team.hpp"

#include <chrono>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

namespace tabgrad {

Team::~Team() = default;

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto SPIN = std::chrono::microseconds(50);  // longer than the pause between two products of a step

inline void breathe() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// One word says it all: the job's generation (upper half), its number of tasks and the next one to take (16 bits each).
// A task is taken by compare-exchange, so a thread that comes late can only take a task of the job that runs now.
class Threads final : public Team {
 public:
  explicit Threads(int threads) {
    workers_.reserve(static_cast<std::size_t>(threads));
    try {
      for (int i = 1; i < threads; i++) workers_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {  // the system has no more threads to give: as many as there are
    }
  }
  ~Threads() override {
    closing_ = true;
    word_.fetch_add(std::uint64_t{1} << 32);
    word_.notify_all();
    for (auto& worker : workers_) worker.join();
  }
  int threads() const override { return static_cast<int>(workers_.size()) + 1; }

  void share(int tasks, Task task, void* job) override {
    task_ = task, job_ = job, finished_ = 0;
    const std::uint64_t generation = (word_.load(std::memory_order_relaxed) >> 32) + 1;
    word_.store(generation << 32 | static_cast<std::uint64_t>(tasks) << 16);
    if (asleep_.load() > 0) word_.notify_all();
    take_all();
    while (finished_.load(std::memory_order_acquire) < tasks) breathe();
  }

 private:
  void take_all() {
    for (std::uint64_t word = word_.load(std::memory_order_acquire); (word & 0xffff) < (word >> 16 & 0xffff);)
      if (word_.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel)) {
        task_(job_, static_cast<int>(word & 0xffff));
        finished_.fetch_add(1, std::memory_order_release);
        word = word_.load(std::memory_order_acquire);
      }
  }
  void work() {
    std::uint64_t seen = 0;
    auto idle_since = Clock::now();
    while (!closing_) {
      take_all();
      const std::uint64_t word = word_.load(std::memory_order_acquire);
      if (word >> 32 != seen) {
        seen = word >> 32, idle_since = Clock::now();
      } else if (Clock::now() - idle_since > SPIN) {
        asleep_.fetch_add(1);
        word_.wait(word);
        asleep_.fetch_sub(1);
        idle_since = Clock::now();
      } else {
        breathe();
      }
    }
  }

  std::atomic<std::uint64_t> word_{0};
  std::atomic<int> finished_{0}, asleep_{0};
  std::atomic<bool> closing_{false};
  Task task_ = nullptr;
  void* job_ = nullptr;
  std::vector<std::thread> workers_;
};

}  // namespace

Team* make_team(int threads) { return threads > 1 ? std::make_unique<Threads>(threads).release() : nullptr; }

}  // namespace tabgrad
