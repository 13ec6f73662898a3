"""Runs moto's server, with its arguments. One thing is mended before: moto describes the parameters of a stack that
are lists as Python writes lists."""

import sys

from moto.cloudformation.models import Stack
from moto.server import main

written = Stack.parameter_list.fget


def parameter_list(stack):
    parameters = written(stack)
    for parameter in parameters:
        if isinstance(parameter["ParameterValue"], list):
            parameter["ParameterValue"] = ",".join(str(value) for value in parameter["ParameterValue"])
    return parameters


Stack.parameter_list = property(parameter_list)
sys.exit(main())
