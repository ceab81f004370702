/* What a Cortex-M4 does before main: the vectors, the floating-point unit, variables. */
#include <stdint.h>
#include <stdlib.h>

extern uint32_t data_start[], data_end[], data_load[], bss_start[], bss_end[], stack_top[];
extern int main(void);
extern void initialise_monitor_handles(void); /* newlib's semihosting */
void reset(void);

static void fault(void) {
  for (;;) continue;
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))(uintptr_t)stack_top, reset, fault, fault, fault, fault, fault, 0, 0, 0, 0, fault, fault, 0, fault, fault};

void reset(void) {
  uint32_t *to, *from = data_load;
  *(volatile uint32_t *)0xe000ed88u |= 0xfu << 20;
  __asm__ volatile("dsb\n isb" : : : "memory");
  for (to = data_start; to < data_end;) *to++ = *from++;
  for (to = bss_start; to < bss_end;) *to++ = 0;
  initialise_monitor_handles();
  exit(main());
}
