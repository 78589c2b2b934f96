// For LD_PRELOAD: the name "db.test" stands for the addresses in the file $FAKE_NAMES, one a line,
// in that order; without one there is no such name. Each lookup is a byte in $FAKE_NAMES.lookups.
// All other names are as they are. See names.py.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int (*Lookup)(const char*, const char*, const struct addrinfo*, struct addrinfo**);

int getaddrinfo(const char* node, const char* service, const struct addrinfo* hints,
                struct addrinfo** found) {
  const Lookup real = (Lookup)dlsym(RTLD_NEXT, "getaddrinfo");
  if (node == NULL || strcmp(node, "db.test") != 0 ||
      (hints != NULL && (hints->ai_flags & AI_NUMERICHOST) != 0)) {
    return real(node, service, hints, found);
  }
  const char* path = getenv("FAKE_NAMES");
  char lookups[4096];
  snprintf(lookups, sizeof lookups, "%s.lookups", path);
  FILE* count = fopen(lookups, "a");
  if (count != NULL) {
    fputc('.', count);
    fclose(count);
  }
  FILE* file = fopen(path, "r");
  if (file == NULL) return EAI_AGAIN;
  *found = NULL;
  struct addrinfo** end = found;
  char line[64];
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    // A list that is put together of several is freed like any other.
    if (real(line, service, hints, end) != 0) continue;
    while (*end != NULL) end = &(*end)->ai_next;
  }
  fclose(file);
  return *found == NULL ? EAI_NONAME : 0;
}
