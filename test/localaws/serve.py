"""Runs moto's server, with its arguments. Two things are fixed before: moto describes the parameters of a stack that
are lists as Python writes lists, and feeds a mapped queue to the function in Docker."""

import sys

from moto.cloudformation.models import Stack
from moto.server import main
from moto.sqs.models import Queue

written = Stack.parameter_list.fget


def parameter_list(stack):
    parameters = written(stack)
    for parameter in parameters:
        if isinstance(parameter["ParameterValue"], list):
            parameter["ParameterValue"] = ",".join(str(value) for value in parameter["ParameterValue"])
    return parameters


Stack.parameter_list = property(parameter_list)
# The mapping is only for reading. The router, in Go, polls the queue and invokes the function.
Queue.lambda_event_source_mappings = property(lambda queue: {}, lambda queue, mappings: None)

sys.exit(main())
