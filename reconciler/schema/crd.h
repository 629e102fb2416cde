#pragma once

#include <memory>
#include <string>
#include <vector>

#include "reconciler/base/json.h"
#include "reconciler/base/status.h"
#include "reconciler/schema/structural_schema.h"

namespace slipway::schema {

struct PrinterColumn {
  std::string name;
  std::string type;  // string, integer, number, boolean, date
  std::string format;
  std::string description;
  std::string jsonPath;  // ".status.phase"
  int priority = 0;
};

struct CrdVersion {
  std::string name;
  bool served = true;
  bool storage = true;
  std::shared_ptr<const StructuralSchema> schema;
  bool hasStatus = false;
  bool hasScale = false;
  std::string specReplicasPath;
  std::string statusReplicasPath;
  std::vector<PrinterColumn> columns;         // as written; empty: only Age is shown
  std::vector<std::string> selectableFields;  // ".spec.channel"
};

// What a CustomResourceDefinition (apiextensions.k8s.io/v1) declares.
struct Crd {
  std::string group;
  std::string plural;
  std::string singular;
  std::string kind;
  std::string listKind;
  std::vector<std::string> shortNames;
  std::vector<std::string> categories;
  bool namespaced = true;
  std::vector<CrdVersion> versions;
};

// Reads and checks a definition. On Invalid, `errors` (when given) has every finding with its path in the document.
Result<Crd> parseCrd(const Json& definition, std::vector<FieldError>* errors = nullptr);

}  // namespace slipway::schema
