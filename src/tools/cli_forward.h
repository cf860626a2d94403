// SPDX-License-Identifier: Apache-2.0

// The classes of CLI11 for headers that only name them. CLI/CLI.hpp takes some seconds to compile,
// in each file that includes it.

#pragma once

namespace CLI {

class App;
class Option;
class ParseError;
class Validator;

}  // namespace CLI
