// All layers.
#pragma once

#include "dense.hpp"
#include "embedding.hpp"
#include "noise.hpp"
#include "normalization.hpp"
#include "pointwise.hpp"
