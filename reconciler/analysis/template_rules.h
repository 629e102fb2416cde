#pragma once

#include <memory>

#include "reconciler/ports/admission.h"

namespace slipway::analysis {

// What holds for AnalysisTemplates beyond their schema: conditions that compile, arguments that are declared. And for
// Releases: the templates that a strategy names are there, with a value for every argument.
std::unique_ptr<AdmissionRules> newAdmissionRules();

}  // namespace slipway::analysis
