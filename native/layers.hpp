// All layers.
#pragma once

#include "dense.hpp"
#include "embedding.hpp"
#include "exchange.hpp"
#include "noise.hpp"
#include "normalization.hpp"
#include "periodic.hpp"
#include "piecewise.hpp"
#include "pointwise.hpp"
