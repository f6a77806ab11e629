// Whether the threads of a team share the steps of a run: tried, and tried again from time to time.
//
// A team pays where the cores are close and idle, and loses where every line crosses the chip or another process sits
// on a core; both change while a run is on its way. The bits are the same either way, so the clock may decide.
#pragma once

#include <chrono>

#include "vector.hpp"

namespace tabgrad::TABGRAD_ISA {

class Pace {
 public:
  // Before a step: whether it is to be shared.
  bool begin_step() {
    began_ = Clock::now();
    return shares_;
  }

  // After it. A trial is a few steps one way and as many the other; then the faster way reigns.
  void end_step() {
    const auto took = Clock::now() - began_;
    total_ += took, slowest_ = took > slowest_ ? took : slowest_;
    if (--left_ > 0) return;
    const auto time = total_ - slowest_;  // one step waited for threads to wake, or for what else the machine does
    switch (phase_) {
      case Phase::one_way: one_way_ = time; return begin(Phase::other_way, !shares_, TRIAL);
      case Phase::other_way: {
        const bool faster = time < one_way_ ? shares_ : !shares_;
        reign_ = faster != kept_ ? SHORTEST_REIGN : reign_ < LONGEST_REIGN ? 2 * reign_ : reign_;
        kept_ = faster;
        return begin(Phase::reign, faster, reign_);
      }
      case Phase::reign: return begin(Phase::one_way, kept_, TRIAL);
    }
  }

 private:
  using Clock = std::chrono::steady_clock;
  enum class Phase { one_way, other_way, reign };
  static constexpr int TRIAL = 4, SHORTEST_REIGN = 64, LONGEST_REIGN = 1024;  // steps

  void begin(Phase phase, bool shares, int steps) {
    phase_ = phase, shares_ = shares, left_ = steps, total_ = slowest_ = {};
  }

  Phase phase_ = Phase::one_way;
  bool shares_ = false, kept_ = false;  // in this phase; in the last reign
  int left_ = TRIAL, reign_ = SHORTEST_REIGN;
  Clock::duration total_ = {}, slowest_ = {}, one_way_ = {};
  Clock::time_point began_;
};

}  // namespace tabgrad::TABGRAD_ISA
