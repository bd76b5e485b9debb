"""The comparison of ports with vendors' headers finds what differs, in a header made up here."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "compare_headers.py"
# As ST writes them, with what the G4's family.h has.
HEADER = """
typedef enum
{
  USART1_IRQn                 = 37,     /*!< USART1 global Interrupt */
  USART2_IRQn                 = 38,
  USART3_IRQn                 = 39,
  LPUART1_IRQn                = 91,
} IRQn_Type;
typedef struct
{
  __IO uint32_t CR;          /*!< RCC clock control register, Address offset: 0x00 */
  uint32_t      RESERVED0[3]; /*!< Reserved, Address offset: 0x04 */
  __IO uint32_t APB1ENR1;    /*!< clock enable register 1, Address offset: 0x58 */
  __IO uint32_t APB1ENR2;    /*!< clock enable register 2, Address offset: 0x5C */
  __IO uint32_t APB2ENR;     /*!< clock enable register, Address offset: 0x60 */
} RCC_TypeDef;
#define PERIPH_BASE           (0x40000000UL) /*!< Peripheral base address */
#define APB2PERIPH_BASE       (PERIPH_BASE + 0x00010000UL)
#define USART1_BASE           (APB2PERIPH_BASE + 0x3800UL)
#define USART2_BASE           (PERIPH_BASE + 0x4400UL)
#define USART3_BASE           (PERIPH_BASE + 0x4800UL)
#define LPUART1_BASE          (PERIPH_BASE + 0x8000UL)
#define RCC_BASE              (PERIPH_BASE + 0x21000UL)
#define GPIOA_BASE            (PERIPH_BASE + 0x08000000UL)
#define RCC_APB2ENR_USART1EN_Pos             (14U)
#define RCC_APB1ENR1_USART2EN_Pos            (17U)
#define RCC_APB1ENR1_USART3EN_Pos            (18U)
#define RCC_APB1ENR2_LPUART1EN_Pos           (0U)
"""


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("compare_headers", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_differs_from_a_header_of_the_family(script):
    assert script.compare("g4", script.Header(HEADER)) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("+ 0x3800UL", "+ 0x3C00UL", "USART1 base: 0x40013800 here, 0x40013c00 in the header"),
        ("USART3_IRQn                 = 39", "USART3_IRQn = 40", "USART3 interrupt: 39 here, 40"),
        ("USART2EN_Pos            (17U)", "USART2EN_Pos (16U)", "bit of RCC_APB1ENR1: 17 here, 16"),
        ("offset: 0x5C", "offset: 0x5E", "LPUART1 clock bit of RCC_none: 0 here, None"),
        ("+ 0x08000000UL", "+ 0x08020000UL", "GPIOA: 0x48000000 here, 0x48020000"),
    ],
)
def test_what_differs_is_told(script, old, new, told):
    assert old in HEADER
    (line,) = script.compare("g4", script.Header(HEADER.replace(old, new)))
    assert told in line
