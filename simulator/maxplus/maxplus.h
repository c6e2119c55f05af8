#pragma once
// How long a step takes, of any number of lanes in any number of classes of equal ranks, without knowing what they compute.
// A lane runs its items in order; an item begins once its lane is free and what it waits for has ended; the k-th items of a
// channel begin together once the last class is ready, and take the longest of their seconds. So a step is a longest path
// (t = the latest of earlier t, plus seconds), and which paths there are does not depend on how long anything takes:
//
//   Outline    of a class: items, lanes, waits, channels; durations are numbers, not seconds
//   SyncGraph  what is left once everything local to the class has become weights: reduce()
//   Tape       all classes in one list whose repeating stretches are known: compile()
//   Evaluation seconds of one plan, or of eight at a time; a steady state is skipped once its periods come evenly
//
// Outlines and graphs are compared whole, so that a memo with them as keys can't be wrong. In seconds, by step:
//
//   // Two stages, one micro-batch. Durations: 0 forward, 1 send, 2 the meeting of both at the end of the step.
//   Outline first{.lanes = 2, .items = {}, .waits = {}};
//   first.add({.lane = 0, .duration = 0});                                 // computes ...
//   first.add({.lane = 1, .duration = 1, .channel = 0}, {{.lane = 0, .count = 1}});  // ... sends that on a lane beside ...
//   first.add({.lane = 0, .duration = 2, .channel = 1}, {{.lane = 1, .count = 1}});  // ... and meets the other stage
//   Outline second{.lanes = 1, .items = {}, .waits = {}};
//   second.add({.lane = 0, .duration = 1, .channel = 0});                  // receives
//   second.add({.lane = 0, .duration = 0});
//   second.add({.lane = 0, .duration = 2, .channel = 1});
//
//   const std::vector<const Outline*> classes{&first, &second};
//   const StepStructure step = structure_of(classes, find_cut(classes));   // the meeting is the cut
//   const std::vector<std::vector<double>> durations{{3, 0.5, 1}, {4, 0.5, 1}};
//   Evaluation<double> evaluation;
//   const std::span<double> weights = evaluation.weights(step.tape);
//   std::vector<double> own;
//   for (std::size_t c = 0; c < classes.size(); ++c) {
//     step.formulas[c].work_out(durations[c], own);
//     std::copy_n(own.begin(), step.formulas[c].weights, weights.begin() + step.tape.first_weight[c]);
//   }
//   evaluation.step(step.tape);  // 3 + 0.5 + 4 + 1 = 8.5
//
// A lower bound is the same of relax(outline, cut). Times of single items: Skip::no, then times_of_items().

#include "simulator/maxplus/cut.h"
#include "simulator/maxplus/evaluate.h"
#include "simulator/maxplus/lengthen.h"
#include "simulator/maxplus/outline.h"
#include "simulator/maxplus/pair_table.h"
#include "simulator/maxplus/sync_graph.h"
#include "simulator/maxplus/tape.h"
