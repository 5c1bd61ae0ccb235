"""What the models of the package have in common."""

from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, ValidationError, ValidatorFunctionWrapHandler, model_validator

from mcp_refcache._arguments import shortened, shown

_LONGEST: Final = 500


class Model(BaseModel):
    """A model whose errors are short and show nothing of what was given, which may be a stored value."""

    model_config: ClassVar[ConfigDict] = ConfigDict(hide_input_in_errors=True)

    @model_validator(mode="wrap")
    @classmethod
    def _in_few_words(cls, given: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(given)
        except RecursionError:
            raise ValueError("a field nests too deep") from None
        except ValidationError as error:
            if len(str(error)) <= _LONGEST:
                raise
            problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place = shown(".".join(map(str, problem["loc"])))
            message = f"{error.error_count()} problems, the first at {place}: {shortened(problem['msg'])}"
        raise ValueError(message)
