#pragma once
#include "simulator/maxplus/cut.h"
#include "simulator/maxplus/evaluate.h"
#include "simulator/maxplus/lengthen.h"
#include "simulator/maxplus/outline.h"
#include "simulator/maxplus/sync_graph.h"
#include "simulator/maxplus/tape.h"
