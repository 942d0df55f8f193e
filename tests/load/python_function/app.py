"""A FastAPI function behind Mangum that does as little as the bare hello, with the AWS clients that ours has."""

import boto3
from fastapi import FastAPI
from mangum import Mangum

clients = [boto3.client(service) for service in ("dynamodb", "sqs", "secretsmanager")]
app = FastAPI()


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


handler = Mangum(app, lifespan="off")
