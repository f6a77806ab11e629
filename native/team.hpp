// Threads inside one step: a team belongs to one call, shares out numbered tasks and is gone with the call.
//
// Who takes which task changes nothing: a task's result depends on its number alone. The caller works too and never
// waits for a thread that has not taken a task, so a busy machine costs speed but no stall.
#pragma once

#include <atomic>
#include <cstdint>

namespace tabgrad {

struct Team {
  using Task = void (*)(void* job, int task);
  virtual void share(int tasks, Task task, void* job) = 0;
  virtual int threads() const = 0;
  virtual ~Team();
};

// Null for one thread.
Team* make_team(int threads);

}  // namespace tabgrad
