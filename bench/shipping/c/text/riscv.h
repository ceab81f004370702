/* A RISC-V of 32 bits: its start, semihosting, and the clock, which is its count of instructions. */
#define TURN(turns) __asm__ volatile("1: nop\n addi %0, %0, -1\n bnez %0, 1b" : "+r"(turns))
#define STACK(here) __asm__ volatile("mv %0, sp" : "=r"(here))

__attribute__((section(".vectors"), naked, used)) void runner_reset(void) {
  __asm__ volatile(
      ".option arch, +zicsr\n la sp, runner_stack_top\n la t0, runner_trap\n csrw mtvec, t0\n j runner_main\n"
      ".balign 4\n runner_trap: j runner_fault");
}

static uint32_t host(uint32_t action, const void *argument) {
  register uint32_t a0 __asm__("a0") = action;
  register const void *a1 __asm__("a1") = argument;
  __asm__ volatile(
      ".balign 16\n .option push\n .option norvc\n slli x0, x0, 0x1f\n ebreak\n srai x0, x0, 7\n .option pop"
      : "+r"(a0)
      : "r"(a1)
      : "memory");
  return a0;
}

static void clock_start(void) {}

static uint64_t clock_now(void) {
  uint32_t high, low, again;
  do
    __asm__ volatile(".option push\n .option arch, +zicsr\n csrr %0, minstreth\n csrr %1, minstret\n csrr %2, minstreth\n .option pop"
                     : "=r"(high), "=r"(low), "=r"(again));
  while (high != again);
  return ((uint64_t)high << 32) + low;
}
