/* A Cortex-M: its vectors and start, semihosting, and the clock, which is its SysTick. */
#define TURN(turns) __asm__ volatile("1: nop\n subs %0, %0, #1\n bne 1b" : "+r"(turns) : : "cc")
#define STACK(here) __asm__ volatile("mov %0, sp" : "=r"(here))

void runner_tick(void);

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))(uintptr_t)runner_stack_top,
    runner_reset, runner_fault, runner_fault, runner_fault, runner_fault, runner_fault, runner_fault,
    0, 0, 0, runner_fault, runner_fault, 0, runner_fault, runner_tick};

#define SYSTICK ((volatile uint32_t *)0xe000e010u)

static volatile uint32_t wraps;

static uint32_t host(uint32_t action, const void *argument) {
  register uint32_t r0 __asm__("r0") = action;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

void runner_tick(void) { wraps++; }

static void clock_start(void) {
  SYSTICK[1] = 0xffffffu;
  SYSTICK[2] = 0;
  SYSTICK[0] = 7; /* the processor's clock, an exception at each wrap */
}

/* SysTick counts down, and calls runner_tick when it comes to 0. */
static uint64_t clock_now(void) {
  uint32_t before, value;
  do {
    before = wraps;
    value = SYSTICK[2];
  } while (before != wraps);
  return ((uint64_t)before << 24) + ((0x1000000u - value) & 0xffffffu);
}

void runner_reset(void) {
  *(volatile uint32_t *)0xe000ed08u = (uint32_t)(uintptr_t)vectors;
  *(volatile uint32_t *)0xe000ed88u |= 0xfu << 20; /* the floating-point unit on */
  __asm__ volatile("dsb\n isb" : : : "memory");
  runner_main();
}
