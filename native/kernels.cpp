// The engine, compiled once for each instruction set: TABGRAD_ISA names it and its namespace.
#include "program.hpp"
#include "trainer.hpp"

namespace tabgrad {

namespace TABGRAD_ISA {

static Run* make(const ProgramSpec& program, std::int64_t most_rows, int threads, const char** error) {
  auto trainer = std::make_unique<Trainer>();
  *error = trainer->build(program, most_rows, threads);
  return *error ? nullptr : trainer.release();
}

}  // namespace TABGRAD_ISA

#define NAME_OF(isa) #isa
#define QUOTED(isa) NAME_OF(isa)
#define JOINED(a, b) a##b
#define KERNELS(isa) JOINED(kernels_, isa)

extern const Kernels KERNELS(TABGRAD_ISA);
const Kernels KERNELS(TABGRAD_ISA) = {QUOTED(TABGRAD_ISA), TABGRAD_ISA::make};

}  // namespace tabgrad
