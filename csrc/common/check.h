// Errors of the C interface: a code, and words for sk_error().
#pragma once

#include <new>
#include <string>

#include "seiskern.h"

namespace seiskern {

// Keeps the message for sk_error() in this thread; returns `status`.
int fail(const std::string& message, int status = SK_INVALID);

// Calls body(); no exception may reach C.
template <class Body>
int guarded(const Body& body) {
  try {
    body();
    return SK_OK;
  } catch (const std::bad_alloc&) {
    return fail("out of memory", SK_NO_MEMORY);
  }
}

// Calls body(T()) for the type of `itemsize` bytes.
template <class Body>
int guarded_as(int itemsize, const Body& body) {
  return guarded([&] { itemsize == 4 ? body(float()) : body(double()); });
}

}  // namespace seiskern
