"""Which csrc files go into seiskern._C, for which instruction sets; all else is in pyproject.toml."""

import os
import platform
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pybind11
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
X86 = platform.machine() in ("x86_64", "AMD64")
FLAGS = [
    "-std=c++17",
    "-O3",
    "-g0",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fvisibility=hidden",
    "-fopenmp",
    "-Wall",
    "-Wextra",
]
# gcc 12 calls the deliberately undefined operand of its own AVX-512 shuffles uninitialised (GCC bug 105593).
FLAGS += ["-Wno-maybe-uninitialized", *(["-Werror"] if os.environ.get("SEISKERN_WERROR") else [])]
ISAS = {"baseline": []}
if X86:
    ISAS["avx2"] = ["-mavx2", "-mfma"]
    ISAS["avx512"] = [*ISAS["avx2"], "-mavx512f", "-mavx512vl", "-mavx512dq", "-mprefer-vector-width=512"]


class BuildKernels(build_ext):
    """Compiles the kernel sources once per instruction set, beside the ordinary sources."""

    def build_extension(self, ext: Extension) -> None:
        """Compile, all files at the same time, and link."""
        macros = [("SK_X86", "1")] if X86 else []
        jobs = [(source, "", FLAGS) for source in ext.sources]
        for isa, flags in ISAS.items():
            jobs += [(source, isa, [*FLAGS, *flags, f"-DSK_ISA={isa}"]) for source in kernel_sources()]

        def compile_one(job: tuple[str, str, list[str]]) -> list[str]:
            source, isa, flags = job
            folder = str(Path(self.build_temp) / isa)
            include = ["csrc", pybind11.get_include()]
            return self.compiler.compile(
                [source],
                folder,
                macros,
                [*include, *self.compiler.include_dirs],
                extra_postargs=flags,
                depends=headers(),
            )

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = [file for files in pool.map(compile_one, jobs) for file in files]
        target = self.get_ext_fullpath(ext.name)
        self.compiler.link_shared_object(objects, target, extra_postargs=["-fopenmp"], target_lang="c++")


class CopySources(build_py):
    """Beside the Python: sources that are compiled where they run."""

    def run(self) -> None:
        """Copy them into the package."""
        super().run()
        if self.editable_mode:  # they are read where they are
            return
        for path in (ROOT / "csrc").rglob("*"):
            if path.suffix in (".h", ".cu"):
                target = Path(self.build_lib) / "seiskern" / path.relative_to(ROOT)
                self.mkpath(str(target.parent))
                self.copy_file(str(path), str(target))


def kernel_sources() -> list[str]:
    """Files that are compiled once per instruction set."""
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / "csrc").rglob("*_cpu.cpp"))


def headers() -> list[str]:
    """Files whose change means to compile anew."""
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / "csrc").rglob("*.h"))


sources = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "csrc").rglob("*.cpp")
    if not path.name.endswith("_cpu.cpp")
)
setup(
    ext_modules=[Extension("seiskern._C", sources)],
    cmdclass={"build_ext": BuildKernels, "build_py": CopySources},
)
