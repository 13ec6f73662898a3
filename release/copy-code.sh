#!/bin/sh
version=development
